import Compression
import DashboardAssets

/// The dashboard's files, embedded in the binary. Nothing is read at run time, and only exact names are known: there is
/// no path to normalise and none to escape from.
public struct AssetStore: Sendable {
    /// One file as it is served below `/assets/`.
    public struct Asset: Sendable {
        public let name: String
        public let bytes: [UInt8]
        /// The same in the gzip coding; nil: it would not be smaller, or this machine has no library for it.
        public let gzip: [UInt8]?
        /// For `content-type`.
        public let mimeType: String
        /// For `etag`, quotes included. Strong: made of the bytes alone, so it holds across restarts and changes
        /// with the file.
        public let etag: String
        /// Of the gzip coding.
        public let gzipETag: String

        init(name: String, bytes: [UInt8]) {
            self.name = name
            let bytes = name.hasSuffix(".js") || name.hasSuffix(".css") ? Comments.without(bytes) : bytes
            self.bytes = bytes
            mimeType = AssetStore.mimeType(of: name)
            gzip = Gzip.encoded(bytes, level: 9).flatMap { $0.count < bytes.count ? $0 : nil }
            let tag = AssetStore.tag(of: bytes)
            etag = "\"\(tag)\""
            gzipETag = "\"\(tag)-gzip\""
        }
    }

    /// The files of this binary.
    public static let shared = AssetStore()

    private static let templateName = "index.html"
    /// The script that the page starts with.
    static let scriptName = "dashboard.js"
    /// Served beside the page, where every site has them.
    private static let rootNames = ["favicon.ico", "robots.txt"]

    private let assets: [String: Asset]
    private let rootFiles: [String: Asset]
    /// The page with its places to fill. Not an asset: `PageRenderer` is what serves it.
    let template: [UInt8]
    /// Of all files together: the folder below `/assets/` in which nothing ever changes. Modules name each other relatively, so
    /// that all of a page come from one version.
    public let version: String

    private init() {
        var assets: [String: Asset] = [:]
        for index in 0..<nexus_asset_count() {
            let raw = nexus_asset_at(index)
            let name = String(cString: raw.name)
            assets[name] = Asset(name: name, bytes: Array(UnsafeBufferPointer(start: raw.bytes, count: raw.length)))
        }
        template = assets.removeValue(forKey: Self.templateName)?.bytes ?? []
        var rootFiles: [String: Asset] = [:]
        for name in Self.rootNames { rootFiles[name] = assets.removeValue(forKey: name) }
        self.assets = assets
        self.rootFiles = rootFiles
        let tags = assets.values.map { "\($0.name) \($0.etag)" }.sorted().joined(separator: "\n")
        version = Self.tag(of: Array(tags.utf8))
    }

    /// The file of exactly that name below `/assets/`, or nil: `styles.css`, or with the folder of this version before it.
    public func asset(named name: String) -> Asset? { assets[name] ?? permanentAsset(named: name) }

    /// The same if the name has the folder of this version: it never means anything else.
    public func permanentAsset(named name: String) -> Asset? {
        name.hasPrefix(version + "/") ? assets[String(name.dropFirst(version.count + 1))] : nil
    }

    /// The file of exactly that name beside the page, such as `favicon.ico`, or nil.
    public func rootFile(named name: String) -> Asset? { rootFiles[name] }

    /// Every file that `asset(named:)` gives, without the folder, sorted.
    public var names: [String] { assets.keys.sorted() }

    /// The modules that the page's script needs from the start, in the order of their names.
    var scriptModules: [String] {
        var found: Set<String> = []
        var open = [Self.scriptName]
        while let name = open.popLast() {
            for imported in Self.imports(of: assets[name]?.bytes ?? []) where found.insert(imported).inserted {
                open.append(imported)
            }
        }
        return found.sorted()
    }

    /// What a module imports at once: `from "./NAME"`.
    static func imports(of script: [UInt8]) -> [String] {
        String(decoding: script, as: UTF8.self).split(separator: "\n").compactMap { line in
            guard let start = line.firstRange(of: " from \"./"), line.hasSuffix("\";") else { return nil }
            return String(line[start.upperBound...].dropLast(2))
        }
    }

    static func mimeType(of name: String) -> String {
        guard let dot = name.lastIndex(of: ".") else { return "application/octet-stream" }
        return switch name[name.index(after: dot)...] {
        case "html": "text/html; charset=utf-8"
        case "css": "text/css"
        case "js", "mjs": "text/javascript"
        case "json": "application/json"
        case "svg": "image/svg+xml"
        case "png": "image/png"
        case "ico": "image/x-icon"
        case "woff2": "font/woff2"
        case "txt": "text/plain; charset=utf-8"
        default: "application/octet-stream"
        }
    }

    /// FNV-1a, 64 bit, with the length beside it.
    static func tag(of bytes: [UInt8]) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return "\(String(hash, radix: 16))-\(String(bytes.count, radix: 16))"
    }
}
