import Config
import Core
import Foundation
import Testing

@testable import Import

/// Files with something wrong anywhere: each is refused in words, or becomes a configuration that is valid.
@Suite struct MutationTests {
    private static let parts = [
        "*a", "&a ", "<<: ", "- ", ": ", "\n", "  ", "[", "]", "{", "}", "\"", "'", "#", "|", "? ", "!!str ", "${",
        "null", "\t", "é",
        "9e999", "-1", "\u{F8F4}", "\u{0}", "http://", "os.environ/", "---\n", "%", "@", "`",
    ]

    @Test(arguments: GoldenTests.sources())
    func aDamagedFileIsRefusedOrTakenOver(_ file: String) throws {
        let text = try String(contentsOf: GoldenTests.folder.appendingPathComponent(file), encoding: .utf8)
        var random = SeededRandom(seed: 1)
        func below(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }
        var taken = 0
        for _ in 0..<150 {
            var scalars = Array(text.unicodeScalars)
            for _ in 0...below(4) {
                let place = below(scalars.count)
                switch below(3) {
                case 0: scalars.remove(at: place)
                case 1: scalars.insert(contentsOf: Array(Self.parts[below(Self.parts.count)].unicodeScalars), at: place)
                default:
                    let end = min(place + below(40), scalars.count)
                    scalars.insert(contentsOf: Array(scalars[place..<end]), at: below(scalars.count))
                }
            }
            let damaged = String(String.UnicodeScalarView(scalars))
            do throws(ImportProblem) {
                let result = try Importer.read(damaged)
                taken += 1
                #expect((try? ConfigurationReader.read(result.text, source: "nexus.toml")) != nil)
            } catch {
                // What was made of it must not be what is wrong.
                #expect(!error.description.contains("not valid here"), "\(error)\n\(damaged)")
            }
        }
        #expect(taken > 0)
    }
}
