import Shims

extension Array where Element == UInt8 {
    /// Where a text begins; nil: it is not there.
    func place(of text: StaticString, from start: Int = 0) -> Int? {
        withUnsafeBytes { bytes in
            guard start <= bytes.count, let base = bytes.baseAddress,
                let found = nexus_find_bytes(base + start, bytes.count - start, text.utf8Start, text.utf8CodeUnitCount)
            else { return nil }
            return found - base
        }
    }

    /// With all places of a text taken out.
    func without(_ text: StaticString) -> [UInt8] {
        var rest: [UInt8] = []
        var start = 0
        while let place = place(of: text, from: start) {
            rest += self[start..<place]
            start = place + text.utf8CodeUnitCount
        }
        return rest + self[start...]
    }

    /// With all lines taken out that begin so, each with the empty line behind it.
    func withoutLines(of text: StaticString) -> [UInt8] {
        var rest: [UInt8] = []
        var start = 0
        while let place = place(of: text, from: start) {
            rest += self[start..<place]
            guard let end = self.place(of: "\n\n", from: place) else { return rest }
            start = end + 2
        }
        return rest + self[start...]
    }

    /// What stands between a text and the next quotation mark, at all places of it, joined.
    func texts(after mark: StaticString) -> [UInt8] {
        var all: [UInt8] = []
        var start = 0
        while let place = place(of: mark, from: start) {
            let text = place + mark.utf8CodeUnitCount
            let end = self.place(of: "\"", from: text) ?? count
            all += self[text..<end]
            start = end
        }
        return all
    }

    func has(_ text: StaticString) -> Bool { place(of: text) != nil }
}

extension Array where Element == UInt8 {
    /// What stands between a text and the next end mark, at each place of it.
    func parts(after mark: StaticString, until end: Character = "\"") -> [String] {
        var all: [String] = []
        var start = 0
        while let place = place(of: mark, from: start) {
            let text = place + mark.utf8CodeUnitCount
            let stop = self[text...].firstIndex(of: end.asciiValue ?? 0) ?? count
            all.append(String(decoding: self[text..<stop], as: UTF8.self))
            start = stop
        }
        return all
    }
}
