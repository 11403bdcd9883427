/// Repeatable randomness (SplitMix64), so that a failing case fails again.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Random well-formed JSON texts.
enum RandomJSON {
    static func value(_ random: inout SeededRandom, depth: Int) -> String {
        let space = ["", "", " ", "\n", "\t "].randomElement(using: &random) ?? ""
        switch Int.random(in: 0..<(depth > 3 ? 5 : 7), using: &random) {
        case 0: return space + "null"
        case 1: return Bool.random(using: &random) ? "true" : "false"
        case 2:
            return ["0", "-1", "3.25", "1e9", "-0.5E-3", "123456789012345678901234567890"].randomElement(using: &random)
                ?? "0"
        case 3, 4: return string(&random)
        case 5:
            let items = (0..<Int.random(in: 0...3, using: &random)).map { _ in value(&random, depth: depth + 1) }
            return "[" + items.joined(separator: space + ",") + space + "]"
        default:
            let members = (0..<Int.random(in: 0...3, using: &random)).map { _ in
                string(&random) + space + ":" + value(&random, depth: depth + 1)
            }
            return "{" + space + members.joined(separator: ",") + "}"
        }
    }

    private static func string(_ random: inout SeededRandom) -> String {
        let parts = [
            "a", "hello world", "ü", "漢字", "😀", #"\n"#, #"\""#, #"\\"#, #"\u00e9"#, #"\uD83D\uDE00"#, "\u{7F}",
            "12345678",
        ]
        return "\""
            + (0..<Int.random(in: 0...5, using: &random)).map { _ in parts.randomElement(using: &random) ?? "" }
            .joined() + "\""
    }
}
