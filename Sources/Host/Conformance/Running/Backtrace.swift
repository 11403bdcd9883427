import AdapterHost
import Glibc
import JSON

/// Where an adapter crashed, from the faulty instruction outwards, up to where the gateway called it.
struct Backtrace: Equatable, Sendable {
    /// One place: a function, and where it stands if that is known.
    private(set) var lines: [String] = []

    /// The first place in the adapter itself; nil: there is none.
    private(set) var place: String?

    /// - Parameters:
    ///   - frames: as `nexus_trace_crashes` tells them.
    ///   - path: the adapter's file.
    init(_ frames: [JSONValue], adapter path: String) {
        let known = frames.compactMap { frame -> (image: String, offset: UInt64)? in
            guard let image = frame[0]?.string, let offset = frame[1]?.int.flatMap({ UInt64(exactly: $0) }) else {
                return nil
            }
            return (image, offset)
        }
        // The program has no name; what comes behind the adapter is the gateway's own.
        guard let last = known.lastIndex(where: { Self.isAdapter($0.image) }) else {
            lines = known.prefix(8).map { "in \(Self.name($0.image))" }
            return
        }
        let offsets = known[...last].filter { Self.isAdapter($0.image) }.map(\.offset)
        let symbols = Symbols(of: path, offsets)
        for frame in known[...last] {
            if Self.isAdapter(frame.image) {
                let words = symbols.words(frame.offset)
                place = place ?? words
                lines.append("in \(words)")
            } else {
                lines.append("in \(Symbols(of: frame.image, []).words(frame.offset)) of \(Self.name(frame.image))")
            }
        }
        lines.append("called by nexus")
    }

    /// Adapters are loaded from private copies.
    private static func isAdapter(_ image: String) -> Bool { image.hasPrefix("/proc/self/fd/") }

    private static func name(_ image: String) -> String {
        image.isEmpty ? "nexus" : image.split(separator: "/").last.map(String.init) ?? image
    }
}

/// Names of places in one file.
private struct Symbols {
    private let image: ELFImage?
    /// By place: what binutils say, with the line of the source.
    private var told: [UInt64: String] = [:]

    init(of path: String, _ offsets: [UInt64]) {
        image = (try? FileContents.read(path)).flatMap { try? ELFImage($0) }
        guard !offsets.isEmpty else { return }
        let lines = AddressLines.ask(path, offsets)
        for (offset, line) in zip(offsets, lines) { told[offset] = line }
    }

    func words(_ offset: UInt64) -> String {
        if let line = told[offset] { return line }
        guard let found = image?.function(at: offset), !found.name.isEmpty else {
            return "0x\(String(offset, radix: 16))"
        }
        return found.offset == 0 ? found.name : "\(found.name) + \(found.offset)"
    }
}

/// What addr2line(1) says, where it is installed: demangled names and lines, if the file was built with -g.
private enum AddressLines {
    /// For each offset, in their order; empty: it does not say.
    static func ask(_ path: String, _ offsets: [UInt64]) -> [String?] {
        let places = offsets.map { "0x" + String($0, radix: 16) }
        let output = ProgramOutput.of(["addr2line", "-C", "-f", "-s", "-e", path, "--"] + places)
        let lines = output.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= 2 * offsets.count else { return [] }
        return offsets.indices.map { index in
            let (function, line) = (String(lines[2 * index]), String(lines[2 * index + 1]))
            guard function != "??" else { return nil }
            let place = line.split(separator: " ").first.map(String.init) ?? ""
            return place.hasPrefix("??") || place.hasSuffix(":?") ? function : "\(function) (\(place))"
        }
    }
}
