import Glibc

/// Durations in buckets of equal ratio, eight to an octave: whatever a duration is, its bucket is equally exact. Number 0 is for
/// what took no millisecond; number n from 1 on for 2^((n-1)/8) up to 2^(n/8) milliseconds.
enum LogBuckets {
    static let perOctave = 8
    /// What takes longer, 24 days, is in the last one.
    static let last = 255

    /// The bucket of a duration.
    static func number(ofMilliseconds milliseconds: UInt64) -> UInt8 {
        guard milliseconds > 0 else { return 0 }
        let octave = 63 - milliseconds.leadingZeroBitCount
        guard octave < 31 else { return UInt8(last) }
        // Of 1 to 2, with 16 binary digits after the point.
        let fraction = octave <= 16 ? milliseconds << UInt64(16 - octave) : milliseconds >> UInt64(octave - 16)
        return UInt8(octave * perOctave + part(of: fraction) + 1)
    }

    /// How many of the powers 2^(k/8), k from 1 to 7, are not above it.
    private static func part(of fraction: UInt64) -> Int {
        if fraction < 92_682 {
            if fraction < 77_936 { return fraction < 71_468 ? 0 : 1 }
            return fraction < 84_990 ? 2 : 3
        }
        if fraction < 110_218 { return fraction < 101_071 ? 4 : 5 }
        return fraction < 120_194 ? 6 : 7
    }

    /// Where 2 to the power of `shift` buckets have been joined: the middle of the joined one of that number, in sixteenths
    /// of an octave above a millisecond, plus one; 0: no millisecond.
    static func middle(of number: Int, shift: Int) -> Int {
        number == 0 && shift == 0 ? 0 : max(1, ((2 * number + 1) << shift) - 1)
    }

    /// Middles that there are.
    static let middles = 512

    /// Milliseconds.
    static func value(ofMiddle middle: Int) -> Double {
        middle == 0 ? 0 : exp2(Double(middle - 1) / Double(2 * perOctave))
    }

    /// By how much a value may differ from the middle of its bucket, as a share of it.
    static func error(shift: Int) -> Double { exp2(Double(1 << shift) / Double(2 * perOctave)) - 1 }
}
