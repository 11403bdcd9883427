import Foundation
import Fuzz
import Testing

/// What holds of every parser of bytes from outside, for inputs that are kept and for some that are made of them. Long runs, which
/// follow what inputs reach, are made by scripts/fuzz.sh.
@Suite struct FuzzTests {
    /// Inputs made for each parser: together a few seconds of one processor.
    private static let count = 400

    private static let corpus = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fuzz/Corpus")

    private static func kept(_ target: FuzzTarget) throws -> [(name: String, bytes: [UInt8])] {
        let files = try FileManager.default.contentsOfDirectory(
            at: corpus.appendingPathComponent(target.name), includingPropertiesForKeys: nil)
        return try files.sorted { $0.path < $1.path }.map { ($0.lastPathComponent, [UInt8](try Data(contentsOf: $0))) }
    }

    @Test(arguments: FuzzTarget.all) func holdsForWhatIsKept(_ target: FuzzTarget) throws {
        let kept = try Self.kept(target)
        #expect(!kept.isEmpty)
        for (name, bytes) in kept {
            #expect(throws: Never.self, "\(target.name)/\(name)") { try target.check(bytes) }
        }
    }

    @Test(arguments: FuzzTarget.all) func holdsForWhatIsMadeOfIt(_ target: FuzzTarget) throws {
        var mutator = Mutator(seed: 1, seeds: try Self.kept(target).map(\.bytes))
        for number in 0..<Self.count {
            let input = mutator.next()
            do {
                try target.check(input)
            } catch {
                Issue.record("\(target.name), input \(number): \(error)\n\(Data(input).base64EncodedString())")
                return
            }
        }
    }

    @Test func everyParserHasAFolderAndEveryFolderAParser() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: Self.corpus.path)
        #expect(Set(folders) == Set(FuzzTarget.all.map(\.name)))
    }
}
