import DashboardAssets

/// The dashboard's files, embedded in the binary. Nothing is read at run time, and only exact names are known: there is
/// no path to normalise and none to escape from.
public struct AssetStore: Sendable {
    /// One file as it is served below `/assets/`.
    public struct Asset: Sendable {
        public let name: String
        public let bytes: [UInt8]
        /// For `content-type`.
        public let mimeType: String
        /// For `etag`, quotes included. Strong: made of the bytes alone, so it holds across restarts and changes
        /// with the file.
        public let etag: String

        init(name: String, bytes: [UInt8]) {
            self.name = name
            self.bytes = bytes
            mimeType = AssetStore.mimeType(of: name)
            etag = AssetStore.etag(of: bytes)
        }
    }

    /// The files of this binary.
    public static let shared = AssetStore()

    private static let templateName = "index.html"
    /// Served beside the page, where every site has them.
    private static let rootNames = ["favicon.ico", "robots.txt"]

    private let assets: [String: Asset]
    private let rootFiles: [String: Asset]
    /// The page with its places to fill. Not an asset: `PageRenderer` is what serves it.
    let template: [UInt8]

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
    }

    /// The file of exactly that name below `/assets/`, or nil.
    public func asset(named name: String) -> Asset? { assets[name] }

    /// The file of exactly that name beside the page, such as `favicon.ico`, or nil.
    public func rootFile(named name: String) -> Asset? { rootFiles[name] }

    /// Every file that `asset(named:)` gives, sorted.
    public var names: [String] { assets.keys.sorted() }

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
    static func etag(of bytes: [UInt8]) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return "\"\(String(hash, radix: 16))-\(String(bytes.count, radix: 16))\""
    }
}
