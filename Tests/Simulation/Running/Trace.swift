/// What happened in a run, with its virtual time. A checksum over all of it tells whether two runs were the same.
final class Trace {
    private let loop: VirtualLoop
    private let print: Bool
    private(set) var checksum: UInt64 = 0xCBF2_9CE4_8422_2325
    private(set) var lines: [String] = []
    /// The last lines of a run that is not printed.
    private static let kept = 60

    init(_ loop: VirtualLoop, print: Bool) {
        self.loop = loop
        self.print = print
    }

    func note(_ text: @autoclosure () -> String) {
        let line = "\(Self.time(loop.elapsed)) \(text())"
        // FNV-1a.
        for byte in line.utf8 { checksum = (checksum ^ UInt64(byte)) &* 0x100_0000_01B3 }
        if print {
            Swift.print(line)
        } else {
            if lines.count == 2 * Self.kept { lines.removeFirst(Self.kept) }
            lines.append(line)
        }
    }

    private static func time(_ nanoseconds: UInt64) -> String {
        let micros = String(nanoseconds / 1000 % 1_000_000)
        return "\(nanoseconds / 1_000_000_000)." + String(repeating: "0", count: 6 - micros.utf8.count) + micros
    }
}
