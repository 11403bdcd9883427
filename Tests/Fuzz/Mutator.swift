import Core

/// Makes inputs from inputs, as its seed says: for a run that is short and always the same. libFuzzer, which sees what an input
/// reaches, does the long ones (scripts/fuzz.sh).
public struct Mutator {
    /// Bytes of an input.
    private static let limit = 4096
    /// What breaks many parsers.
    private static let words: [[UInt8]] =
        [
            "\r\n", "\r\n\r\n", "\n", "\u{FEFF}", "\u{2028}", "\\ud800", "\\u0000", "\"", "{", "}", "[", "]", "0", "-1",
            ":", ";", ",",
            "=", "%", "%00", "../", "9223372036854775808", "18446744073709551616", "1e999", "null", "data: ", "[DONE]",
            "\t", " ",
        ].map { Array($0.utf8) } + [[0], [0xFF], [0x80], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80]]

    private var random: SeededRandom
    private let seeds: [[UInt8]]

    /// - Parameter seeds: inputs that mean something to the parser.
    public init(seed: UInt64, seeds: [[UInt8]]) {
        random = SeededRandom(seed: seed)
        self.seeds = seeds.isEmpty ? [[]] : seeds
    }

    public mutating func next() -> [UInt8] {
        var input = seeds.randomElement(using: &random) ?? []
        for _ in 0..<Int.random(in: 1...6, using: &random) { mutate(&input) }
        return Array(input.prefix(Self.limit))
    }

    private mutating func mutate(_ input: inout [UInt8]) {
        let place = Int.random(in: 0...input.count, using: &random)
        let range = place..<min(input.count, place + Int.random(in: 0...16, using: &random))
        switch Int.random(in: 0..<9, using: &random) {
        case 0: if place < input.count { input[place] ^= 1 << UInt8.random(in: 0..<8, using: &random) }
        case 1: if place < input.count { input[place] = .random(in: .min ... .max, using: &random) }
        case 2: input.removeSubrange(range)
        case 3: input.insert(contentsOf: Self.words.randomElement(using: &random) ?? [], at: place)
        case 4: input.replaceSubrange(range, with: Self.words.randomElement(using: &random) ?? [])
        case 5: input.insert(contentsOf: Array(input[range]), at: place)
        case 6: input.removeSubrange(place...)
        case 7:
            // Much of the same: what costs more than it is long.
            let count = Int.random(in: 1...512, using: &random)
            input.insert(contentsOf: (0..<count).flatMap { _ in input[range.prefix(4)] }, at: place)
        default:
            let other = seeds.randomElement(using: &random) ?? []
            let start = Int.random(in: 0...other.count, using: &random)
            input.replaceSubrange(place..., with: other[start...])
        }
    }
}
