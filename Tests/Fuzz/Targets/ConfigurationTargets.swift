import Core
import JSON

@testable import Config

extension FuzzTarget {
    /// The files that an operator writes, and those that the gateway keeps beside them.
    static let configuration = FuzzTarget("configuration") { bytes throws(Broken) in
        let source = text(bytes)
        if let read = try value({ () throws(ConfigurationError) in
            try ConfigurationReader.read(source, source: "a file")
        }) {
            let again = try? ConfigurationReader.read(source, source: "a file")
            try require(again == read, "the same text is read in two ways")
        }
        if let keys = try value({ () throws(ConfigurationError) in try KeysFile.keys(source, source: "a file") }) {
            let again = try? KeysFile.keys(KeysFile.text(keys), source: "a file")
            try require(again == keys, "the keys are not read as they were written")
        }
        if let overlay = try value({ () throws(ConfigurationError) in try OverlayFile.overlay(bytes, source: "a file") }
        ) {
            let again = try? OverlayFile.overlay(OverlayFile.bytes(overlay), source: "a file")
            try require(again == overlay, "what was changed is not read as it was written")
        }
        // A text between quotes is that text.
        guard String(validating: bytes, as: UTF8.self) != nil else { return }
        let quoted = try? TOMLDocument("a = " + TOMLText.quoted(source))
        // The parser would end it with the first NUL.
        let expected = bytes.contains(0) ? nil : source
        try require(quoted?.root["a"]?.string == expected, "a quoted text is read as \(quoted?.root["a"] ?? .null)")
    }

    /// Nil: it was refused, with a reason and within bounds.
    private static func value<Value>(_ read: () throws(ConfigurationError) -> Value) throws(Broken) -> Value? {
        switch Result(catching: read) {
        case .success(let value): return value
        case .failure(let error):
            try require(!error.problems.isEmpty, "a refusal without a reason")
            for problem in error.problems {
                try require(
                    problem.description.utf8.count <= 1400, "a message of \(problem.description.utf8.count) bytes")
            }
            return nil
        }
    }

    /// Addresses, origins, instants: short texts that are read here and there.
    static let names = FuzzTarget("names") { bytes throws(Broken) in
        let name = text(bytes)
        if let url = try? BackendURL(name) {
            let again = try? BackendURL(url.description)
            try require(again == url, "\(url) is read as \(again.map { "\($0)" } ?? "nothing")")
        }
        if let seconds = Timestamp.seconds(rfc3339: name) {
            try require(seconds.isFinite && abs(seconds) < 1e12, "the instant \(seconds)")
            if seconds >= 0, seconds == seconds.rounded(), let written = Timestamp.rfc3339(seconds) {
                try require(Timestamp.seconds(rfc3339: written) == seconds, "\(written) is not \(seconds)")
            }
        }
        try border(name)
    }
}
