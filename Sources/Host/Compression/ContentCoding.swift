import Shims

/// A content coding that can be taken off a body (RFC 9110, section 8.4.1).
public enum ContentCoding: String, Sendable, Equatable, CaseIterable {
    case gzip, deflate
    case brotli = "br"
    case zstd

    /// Codings around one body.
    public static let maximum = 3

    /// Those whose library this machine has. The first use loads the libraries.
    public static let known = allCases.filter { nexus_coding_is_there($0.library) != 0 }

    /// For messages, and the value of Accept-Encoding: "gzip, deflate, br, zstd".
    public static let knownNames =
        known.isEmpty ? "identity" : known.map(\.rawValue).joined(separator: ", ")

    /// Of `deflate` the one that RFC 9110 means: with zlib's wrapping.
    var library: nexus_coding {
        switch self {
        case .gzip: NEXUS_CODING_GZIP
        case .deflate: NEXUS_CODING_ZLIB
        case .brotli: NEXUS_CODING_BROTLI
        case .zstd: NEXUS_CODING_ZSTD
        }
    }

    /// Why a body cannot be decoded, whatever it holds.
    public enum Refusal: Error, Sendable, Equatable {
        case unknown(String)
        /// More than `maximum`.
        case tooMany
    }

    /// Names that say that there is no coding: its own, and what is written there by mistake for a character set or MIME's
    /// transfer encoding.
    private static let none: Set = [
        "identity", "none", "utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "binary", "8bit", "7bit",
    ]

    /// Reads the value of Content-Encoding: the codings in the order in which they were applied.
    public static func list(_ text: String) throws(Refusal) -> [ContentCoding] {
        var codings: [ContentCoding] = []
        for part in text.split(separator: ",") {
            let name = part.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "\t" }.lowercased()
            if name.isEmpty || none.contains(name) { continue }
            // Section 8.4.1.3: "x-gzip" is another name.
            guard let coding = ContentCoding(rawValue: name == "x-gzip" ? "gzip" : name), known.contains(coding) else {
                throw .unknown(String(name.prefix(64)))
            }
            guard codings.count < maximum else { throw .tooMany }
            codings.append(coding)
        }
        return codings
    }
}
