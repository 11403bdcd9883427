import Glibc

/// The rules for one kind of request at one flavour of server.
struct MemberRules: Sendable {
    private struct Entry {
        let name: [UInt8]
        let action: MemberRule.Action
    }

    let flavor: Flavor
    /// By the length of the name: few names of a request are compared with any.
    private let top: [[Entry]]
    private let inMessages: [[UInt8]: MemberRule.Action]

    init(_ flavor: Flavor, _ rules: [MemberRule]) {
        self.flavor = flavor
        let ofTop = rules.filter { $0.place == .top }.map { Entry(name: Array($0.name.utf8), action: $0.action) }
        let longest = ofTop.map(\.name.count).max() ?? -1
        top = (0..<longest + 1).map { length in ofTop.filter { $0.name.count == length } }
        inMessages = Dictionary(
            rules.filter { $0.place == .messages }.map { (Array($0.name.utf8), $0.action) }, uniquingKeysWith: { $1 })
    }

    var isEmpty: Bool { top.isEmpty && inMessages.isEmpty }

    fileprivate func action(for name: UnsafeRawBufferPointer) -> MemberRule.Action? {
        guard name.count < top.count else { return nil }
        for entry in top[name.count] where name.elementsEqual(entry.name) { return entry.action }
        return nil
    }

    fileprivate func actionInMessage(for name: UnsafeRawBufferPointer) -> MemberRule.Action? { inMessages[Array(name)] }

    fileprivate var looksIntoMessages: Bool { !inMessages.isEmpty }

    /// Whether any of the messages may hold one of theirs: a search for the names, and no more.
    fileprivate func mayCount(inMessages text: UnsafeRawBufferPointer) -> Bool {
        !inMessages.isEmpty
            && inMessages.keys.contains { name in name.withUnsafeBytes { ByteSearch.find($0, in: text) != nil } }
    }
}

/// A request's body without what its server does not know. All other members keep their bytes.
struct MemberEdit: Sendable {
    /// Bytes outside of texts that are looked at on an event loop: some 0.2 ms.
    static let inlineSteps = 256 * 1024

    private(set) var body: [UInt8]
    /// For people, in the words of the table: the names are never the client's own.
    private(set) var warning: String

    enum Outcome: Sendable {
        /// The body is what the server takes.
        case unchanged
        case changed(MemberEdit)
        /// More than was allowed would have to be looked at.
        case tooLong
    }

    /// - Parameter steps: bytes outside of texts that may be looked at; texts are skipped many bytes at a time.
    static func edit(_ body: UnsafeRawBufferPointer, _ rules: MemberRules, steps: Int = .max) -> Outcome {
        if rules.isEmpty { return .unchanged }
        /// It is not written anew on an event loop, whatever is found in it.
        let isTooLarge = steps != .max && body.count > LargeWork.inlineLimit
        var scan = ObjectScan(body, steps: steps)
        guard let members = scan.members() else { return scan.isExhausted ? .tooLong : .unchanged }
        var changes = Changes()
        var messages: [UInt8]?
        for (place, member) in members.enumerated() {
            let name = UnsafeRawBufferPointer(rebasing: body[member.name])
            if let action = rules.action(for: name) { changes.note(place, member, action, name) }
            guard name.elementsEqual("messages".utf8) else { continue }
            let value = UnsafeRawBufferPointer(rebasing: body[member.value])
            // The search alone would take long.
            if isTooLarge, rules.looksIntoMessages { return .tooLong }
            guard rules.mayCount(inMessages: value) else { continue }
            var inside = ObjectScan(value, steps: scan.stepsLeft)
            let edited = edit(messages: value, rules, &inside, &changes)
            if inside.isExhausted { return .tooLong }
            messages = edited
        }
        guard !changes.isEmpty || messages != nil else { return .unchanged }
        if isTooLarge { return .tooLong }
        return .changed(
            MemberEdit(
                body: write(body, members, &changes, messages: messages), warning: changes.warning(for: rules.flavor)))
    }

    /// Nil if none of them is changed.
    private static func edit(
        messages: UnsafeRawBufferPointer, _ rules: MemberRules, _ scan: inout ObjectScan, _ changes: inout Changes
    ) -> [UInt8]? {
        guard let items = scan.items() else { return nil }
        var out: [UInt8] = []
        var taken = 0
        for item in items where messages[item.lowerBound] == UInt8(ascii: "{") {
            let text = UnsafeRawBufferPointer(rebasing: messages[item])
            var inside = ObjectScan(text, steps: scan.stepsLeft)
            guard let members = inside.members() else { continue }
            var own = Changes()
            for (place, member) in members.enumerated() {
                let name = UnsafeRawBufferPointer(rebasing: text[member.name])
                if let action = rules.actionInMessage(for: name) { own.note(place, member, action, name) }
            }
            if own.isEmpty { continue }
            out += messages[taken..<item.lowerBound] + write(text, members, &own, messages: nil)
            taken = item.upperBound
            changes.noteInMessages(own.leftOut)
        }
        return taken == 0 ? nil : out + messages[taken...]
    }

    private static func write(
        _ body: UnsafeRawBufferPointer, _ members: [ObjectScan.Member], _ changes: inout Changes, messages: [UInt8]?
    ) -> [UInt8] {
        var present = Set(members.map { [UInt8](body[$0.name]) })
        var out: [UInt8] = []
        out.reserveCapacity(body.count + 32)
        out.append(UInt8(ascii: "{"))
        for (place, member) in members.enumerated() {
            var name = [UInt8](body[member.name])
            switch changes.actions[place] {
            case .leaveOut: continue
            case .rename(let other):
                let target = Array(other.utf8)
                // The request says it in both ways: the server's own counts, and nothing is lost.
                guard present.insert(target).inserted else { continue }
                changes.renamed.append((String(decoding: name, as: UTF8.self), other))
                name = target
            case nil: break
            }
            if out.count > 1 { out.append(UInt8(ascii: ",")) }
            out.append(UInt8(ascii: "\""))
            out += name
            if let messages, name.elementsEqual("messages".utf8) {
                out += body[member.name.upperBound..<member.value.lowerBound] + messages
            } else {
                out += body[member.name.upperBound..<member.value.upperBound]
            }
        }
        out.append(UInt8(ascii: "}"))
        return out
    }

    /// What becomes of members, by their places.
    private struct Changes {
        var actions: [Int: MemberRule.Action] = [:]
        var leftOut: [String] = []
        var renamed: [(from: String, to: String)] = []

        var isEmpty: Bool { actions.isEmpty }

        mutating func note(
            _ place: Int, _ member: ObjectScan.Member, _ action: MemberRule.Action, _ name: UnsafeRawBufferPointer
        ) {
            actions[place] = action
            guard action == .leaveOut else { return }
            // Once, however often the request repeats it: there are no more than the table has.
            let name = String(decoding: name, as: UTF8.self)
            if !leftOut.contains(name) { leftOut.append(name) }
        }

        mutating func noteInMessages(_ names: [String]) {
            for name in names.map({ "messages[].\($0)" }) where !leftOut.contains(name) { leftOut.append(name) }
        }

        func warning(for flavor: Flavor) -> String {
            var sentences: [String] = []
            if !leftOut.isEmpty {
                sentences.append(
                    "Left out, as \(flavor.displayName) does not know it: \(leftOut.joined(separator: ", ")).")
            }
            for (from, to) in renamed {
                sentences.append("\(from) was sent as \(to), as \(flavor.displayName) calls it.")
            }
            return sentences.joined(separator: " ")
        }
    }
}

/// Finds the members of an object, or the items of an array, without looking into them: texts are skipped as fast as memory
/// is read. The JSON is taken to be valid; what is not is no worse than not found.
struct ObjectScan {
    struct Member {
        /// Without quotes.
        let name: Range<Int>
        let value: Range<Int>
    }

    private let text: UnsafeRawBufferPointer
    private var index = 0
    private(set) var stepsLeft: Int

    init(_ text: UnsafeRawBufferPointer, steps: Int) {
        self.text = text
        stepsLeft = steps
    }

    var isExhausted: Bool { stepsLeft <= 0 }

    /// Nil if the text is no object.
    mutating func members() -> [Member]? {
        guard begins(with: UInt8(ascii: "{")) else { return nil }
        var members: [Member] = []
        members.reserveCapacity(16)
        while !skipSpace(orCommas: true), text[index] == UInt8(ascii: "\"") {
            let name = index + 1
            guard skipString() else { return nil }
            let end = index - 1
            guard !skipSpace(orCommas: false), text[index] == UInt8(ascii: ":") else { return nil }
            index += 1
            guard !skipSpace(orCommas: false), let value = skipValue() else { return nil }
            members.append(Member(name: name..<end, value: value))
        }
        return index < text.count && text[index] == UInt8(ascii: "}") ? members : nil
    }

    /// Nil if the text is no array.
    mutating func items() -> [Range<Int>]? {
        guard begins(with: UInt8(ascii: "[")) else { return nil }
        var items: [Range<Int>] = []
        while !skipSpace(orCommas: true), text[index] != UInt8(ascii: "]") {
            guard let value = skipValue() else { return nil }
            items.append(value)
        }
        return index < text.count ? items : nil
    }

    private mutating func begins(with bracket: UInt8) -> Bool {
        index = 0
        // A byte order mark is no space.
        if text.starts(with: [0xEF, 0xBB, 0xBF]) { index = 3 }
        guard !skipSpace(orCommas: false), text[index] == bracket else { return false }
        index += 1
        return true
    }

    /// True at the end of the text, or of what may be looked at.
    private mutating func skipSpace(orCommas: Bool) -> Bool {
        while index < text.count, stepsLeft > 0 {
            let byte = text[index]
            guard
                byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 || (orCommas && byte == UInt8(ascii: ","))
            else { return false }
            index += 1
            stepsLeft -= 1
        }
        return true
    }

    /// From a quote to behind the one that ends the text.
    private mutating func skipString() -> Bool {
        guard let base = text.baseAddress else { return false }
        let start = index + 1
        index = start
        stepsLeft -= 1
        while index < text.count, let hit = memchr(base + index, 0x22, text.count - index) {
            index = UnsafeRawPointer(hit) - base + 1
            var slashes = 0
            while index - 2 - slashes >= start, text[index - 2 - slashes] == UInt8(ascii: "\\") { slashes += 1 }
            if slashes % 2 == 0 { return true }
            stepsLeft -= 1
            if stepsLeft <= 0 { return false }
        }
        return false
    }

    private mutating func skipValue() -> Range<Int>? {
        let start = index
        var depth = 0
        while index < text.count, stepsLeft > 0 {
            switch text[index] {
            case UInt8(ascii: "\""):
                guard skipString() else { return nil }
                if depth == 0 { return start..<index }
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if depth == 0 { return start < index ? start..<index : nil }
                depth -= 1
                if depth == 0 {
                    index += 1
                    return start..<index
                }
            case UInt8(ascii: ","), 0x20, 0x0A, 0x0D, 0x09:
                if depth == 0 { return start < index ? start..<index : nil }
            default: break
            }
            index += 1
            stepsLeft -= 1
        }
        return nil
    }
}
