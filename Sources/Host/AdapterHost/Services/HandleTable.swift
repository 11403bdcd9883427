/// Objects by generation-checked handles. A handle holds an index, a generation, and a tag that tells which table it
/// belongs to; one that is stale, forged or of another table finds nothing. Index 0...2^20-1, generation 36 bits: at
/// a million reuses of one place a second a handle comes again after 19 hours. All operations are O(1).
struct HandleTable<Value: AnyObject> {
    static var capacity: Int { 1 << 20 }

    private struct Slot {
        var value: Value?
        var generation: UInt64
        /// Whose the value is, or was.
        var owner: Int
    }

    private let tag: UInt64
    private var slots: ContiguousArray<Slot> = []
    private var free: ContiguousArray<Int> = []
    private(set) var count = 0

    /// - Parameter tag: 1...255; unique over all tables of the process.
    init(tag: UInt8) { self.tag = UInt64(tag) << 56 }

    static func tag(of handle: UInt64) -> UInt8 { UInt8(handle >> 56) }

    /// Zero if the table is full.
    /// - Parameter owner: what `owner(of:)` tells, also after the value has gone, until its place is taken again.
    mutating func insert(_ value: Value, owner: Int = 0) -> UInt64 {
        let index: Int
        if let reused = free.popLast() {
            index = reused
        } else {
            guard slots.count < Self.capacity else { return 0 }
            index = slots.count
            slots.append(Slot(value: nil, generation: 0, owner: 0))
        }
        slots[index].generation = (slots[index].generation + 1) & 0xF_FFFF_FFFF
        slots[index].value = value
        slots[index].owner = owner
        count += 1
        return tag | (slots[index].generation << 20) | UInt64(index)
    }

    private func index(_ handle: UInt64) -> Int? {
        let index = Int(handle & 0xF_FFFF)
        guard handle & (0xFF << 56) == tag, index < slots.count, slots[index].value != nil,
            slots[index].generation == (handle >> 20) & 0xF_FFFF_FFFF
        else { return nil }
        return index
    }

    /// The owner of a handle that is stale; nil if it is not known.
    func owner(of handle: UInt64) -> Int? {
        let index = Int(handle & 0xF_FFFF)
        guard handle & (0xFF << 56) == tag, index < slots.count,
            slots[index].generation == (handle >> 20) & 0xF_FFFF_FFFF
        else { return nil }
        return slots[index].owner
    }

    subscript(_ handle: UInt64) -> Value? { index(handle).flatMap { slots[$0].value } }

    /// False if the handle names nothing.
    @discardableResult
    mutating func remove(_ handle: UInt64) -> Bool {
        guard let index = index(handle) else { return false }
        slots[index].value = nil
        free.append(index)
        count -= 1
        return true
    }

    /// A copy, so that the table may change while it is gone through.
    var values: [Value] { slots.compactMap(\.value) }

    /// Of those that fit, the same: nearly nothing where they are few of many.
    func values(where fits: (Value) -> Bool) -> [Value] {
        var found: [Value] = []
        for slot in slots {
            if let value = slot.value, fits(value) { found.append(value) }
        }
        return found
    }
}
