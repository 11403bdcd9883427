/// Tells what a model thinks from what it answers where both come in one text, cut anywhere: `<think>…</think>` at the start
/// of the answer. Of what may be a part of a tag the next piece decides; space around the tags belongs to neither. Pure.
public struct InlineThinking: Sendable {
    public enum Mode: String, CaseIterable, Sendable {
        /// Thinking begins with a tag.
        case tags
        /// The answer begins with thinking: the tag that starts it is in the prompt.
        case begun
    }

    public struct Parts: Equatable, Sendable {
        /// Comes first.
        public var thought: String
        public var text: String

        public init(thought: String = "", text: String = "") {
            self.thought = thought
            self.text = text
        }
    }

    private enum State: Sendable {
        /// Nothing but space, or a part of the tag that starts it.
        case start
        /// Behind that tag: nothing but space.
        case thoughtStart
        case thought
        /// Behind the tag that ends it: nothing but space.
        case textStart
        case text
    }

    private static let opening = Array("<think>".utf8)
    /// Bytes of space before the first tag, after which none is waited for.
    private static let spaceLimit = 4096
    private static let closing = Array("</think>".utf8)

    private let mode: Mode
    private var state = State.start
    /// What is not known yet to be anything.
    private var held: [UInt8] = []

    public init(_ mode: Mode) { self.mode = mode }

    /// All that follows is the answer's text.
    public var isSettled: Bool { if case .text = state { true } else { false } }

    public mutating func feed(_ piece: String) -> Parts {
        if isSettled { return Parts(text: piece) }
        held.append(contentsOf: piece.utf8)
        var parts = Parts()
        while step(&parts) {}
        return parts
    }

    /// The answer has ended: what was held back of it.
    public mutating func finish() -> Parts {
        defer { (held, state) = ([], .text) }
        switch state {
        case .start where mode == .tags, .text: return Parts(text: Self.text(held[...]))
        case .start, .thought: return Parts(thought: Self.text(held[...]))
        case .thoughtStart, .textStart: return Parts()
        }
    }

    /// False: more is needed.
    private mutating func step(_ parts: inout Parts) -> Bool {
        switch state {
        case .start:
            let rest = held.drop(while: Self.isSpace)
            if rest.starts(with: Self.opening) {
                held = Array(rest.dropFirst(Self.opening.count))
                state = .thoughtStart
            } else if Self.opening.starts(with: rest), held.count <= Self.spaceLimit {
                return false
            } else {
                state = mode == .begun ? .thoughtStart : .text
            }
        case .thoughtStart, .textStart:
            held = Array(held.drop(while: Self.isSpace))
            if held.isEmpty { return false }
            if case .thoughtStart = state { state = .thought } else { state = .text }
        case .thought:
            if let tag = Self.place(of: Self.closing, in: held) {
                parts.thought += Self.text(held[..<tag])
                held = Array(held[(tag + Self.closing.count)...])
                state = .textStart
                return true
            }
            let kept = Self.beginning(of: Self.closing, atEndOf: held)
            parts.thought += Self.text(held.dropLast(kept))
            held = Array(held.suffix(kept))
            return false
        case .text:
            parts.text += Self.text(held[...])
            held = []
            return false
        }
        return true
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    private static func place(of tag: [UInt8], in text: [UInt8]) -> Int? {
        var rest = text[...]
        while let start = rest.firstIndex(of: tag[0]) {
            if text[start...].starts(with: tag) { return start }
            rest = text[(start + 1)...]
        }
        return nil
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    /// How many bytes at the end may be the beginning of the tag.
    private static func beginning(of tag: [UInt8], atEndOf text: [UInt8]) -> Int {
        (1..<tag.count).last { text.count >= $0 && text.suffix($0).elementsEqual(tag[..<$0]) } ?? 0
    }
}
