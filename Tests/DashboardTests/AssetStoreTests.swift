import Compression
import Foundation
import Testing

@testable import Dashboard

@Suite("Assets")
struct AssetStoreTests {
    private let store = AssetStore.shared

    @Test("scripts and styles have their types")
    func types() throws {
        #expect(store.asset(named: "styles.css")?.mimeType == "text/css")
        #expect(store.asset(named: "dashboard.js")?.mimeType == "text/javascript")
        #expect(AssetStore.mimeType(of: "a.b.svg") == "image/svg+xml")
        #expect(AssetStore.mimeType(of: "README") == "application/octet-stream")
    }

    @Test(
        "only exact names are known",
        arguments: [
            "", "/", "index.html", "Dashboard.js", "dashboard.js/", "./dashboard.js", "../dashboard/styles.css",
        ])
    func unknown(name: String) {
        #expect(store.asset(named: name) == nil)
    }

    @Test("what browsers and crawlers ask every site for is there, beside the assets")
    func rootFiles() throws {
        let icon = try #require(store.rootFile(named: "favicon.ico"))
        #expect(icon.mimeType == "image/x-icon" && icon.bytes.starts(with: [0, 0, 1, 0, 1, 0]))
        let robots = try #require(store.rootFile(named: "robots.txt"))
        #expect(String(decoding: robots.bytes, as: UTF8.self).contains("Disallow: /\n"))
        #expect(store.rootFile(named: "styles.css") == nil && store.asset(named: "favicon.ico") == nil)
    }

    @Test("every file a page or module asks for is there, and none is left over")
    func complete() throws {
        var asked: Set<String> = []
        let page = String(decoding: store.template, as: UTF8.self)
        for part in page.split(separator: "\"{{assets}}/").dropFirst() {
            asked.insert(String(part.prefix { $0 != "\"" }))
        }
        for name in store.names where name.hasSuffix(".js") {
            let script = String(decoding: try #require(store.asset(named: name)).bytes, as: UTF8.self)
            for part in script.split(separator: "\"./").dropFirst() {
                asked.insert(String(part.prefix { $0 != "\"" }))
            }
        }
        // A view's styles are named after it.
        let styles = store.names.filter { $0.hasPrefix("view-") && $0.hasSuffix(".css") }
        for name in styles { #expect(store.names.contains(name.replacing(".css", with: ".js"))) }
        // What all views may use.
        let helpers = ["api.js", "confirm.js", "figures.js"]
        #expect(asked.union(styles).union(helpers).sorted() == store.names)
    }

    @Test("every file of the folder is embedded")
    func embedded() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../dashboard").standardized
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { !$0.hasPrefix(".") }
        let known = store.names + ["favicon.ico", "index.html", "robots.txt"]
        #expect(files.sorted() == known.sorted(), "run scripts/assets.py")
    }

    @Test("everything together weighs less than 100 KB, compressed as it is sent")
    func weight() throws {
        try #require(Gzip.isKnown)
        let assets = try store.names.map { try #require(store.asset(named: $0)) }
        let page = try #require(Gzip.encoded(store.template, level: 4))
        let total = assets.reduce(page.count) { $0 + ($1.gzip?.count ?? $1.bytes.count) }
        #expect(total < 100_000)
    }

    @Test("comments that stand alone are not sent; what is in a text, or beside code, is")
    func comments() {
        func sent(_ text: String) -> String { String(decoding: Comments.without(Array(text.utf8)), as: UTF8.self) }
        #expect(sent("// a\nlet b = 1; // c\n  // d\nlet e;\n") == "let b = 1; // c\nlet e;\n")
        #expect(sent("/** a\n * b\n */\nlet c;\n/* d */\n/* e */ let f;\n") == "let c;\n/* e */ let f;\n")
        #expect(sent("let a = `\n// b\n/* c */\n`;\n// d\n") == "let a = `\n// b\n/* c */\n`;\n")
        #expect(sent("") == "" && sent("// a") == "" && sent("/* a") == "")
    }

    @Test("what is compressed is smaller, and another representation")
    func compressed() throws {
        for name in store.names {
            let asset = try #require(store.asset(named: name))
            let gzip = try #require(asset.gzip)
            #expect(gzip.count < asset.bytes.count && asset.etag != asset.gzipETag)
        }
    }

    @Test("a file has a name for good, in the folder of this version, and no other folder")
    func permanent() throws {
        #expect(store.permanentAsset(named: "\(store.version)/styles.css")?.name == "styles.css")
        #expect(store.permanentAsset(named: "styles.css") == nil)
        for folder in ["", "0", store.version + "0", "../" + store.version] {
            #expect(store.asset(named: folder + "/styles.css") == nil)
        }
    }

    @Test("the modules that a start needs are known, and views that may never be opened are not among them")
    func preloads() {
        #expect(store.scriptModules.contains("live.js") && store.scriptModules.contains("connection.js"))
        #expect(
            !store.scriptModules.contains { $0.hasPrefix("view-") } && !store.scriptModules.contains("dashboard.js"))
    }

    @Test("an etag is strong, quoted and of the content")
    func etags() throws {
        let tags = store.names.compactMap { store.asset(named: $0)?.etag }
        #expect(Set(tags).count == tags.count)
        #expect(tags.allSatisfy { $0.hasPrefix("\"") && $0.hasSuffix("\"") && $0.count > 10 })
        #expect(AssetStore.tag(of: [1, 2]) == AssetStore.tag(of: [1, 2]))
        #expect(AssetStore.tag(of: [1, 2]) != AssetStore.tag(of: [2, 1]))
    }

    @Test("nothing is loaded from another host, no markup is made of strings, no handler or style is inline")
    func rules() throws {
        let texts = try store.names.map { String(decoding: try #require(store.asset(named: $0)).bytes, as: UTF8.self) }
        for text in texts {
            for banned in [
                "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "@import", "http:",
                "https://",
            ] {
                #expect(!text.contains(banned), "\(banned)")
            }
        }
        let page = String(decoding: store.template, as: UTF8.self)
        for banned in ["onclick", "onload", " style=", "https://"] { #expect(!page.contains(banned), "\(banned)") }
        #expect(page.split(separator: "<script").count == 3)
    }
}
