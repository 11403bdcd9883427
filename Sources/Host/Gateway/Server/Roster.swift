/// Members by identity: all operations are O(1), and they are gone through in an order that depends on what was done with the
/// roster alone, so that a simulation does the same each time.
struct Roster<Member: AnyObject>: Sequence {
    private var members: [Member] = []
    private var places: [ObjectIdentifier: Int] = [:]

    var count: Int { members.count }
    var isEmpty: Bool { members.isEmpty }

    mutating func insert(_ member: Member) {
        guard places[ObjectIdentifier(member)] == nil else { return }
        places[ObjectIdentifier(member)] = members.count
        members.append(member)
    }

    mutating func remove(_ member: Member) {
        guard let place = places.removeValue(forKey: ObjectIdentifier(member)) else { return }
        let last = members.removeLast()
        guard last !== member else { return }
        members[place] = last
        places[ObjectIdentifier(last)] = place
    }

    /// Those at some places, as they are now.
    subscript(places: Range<Int>) -> ArraySlice<Member> { members[places] }

    /// Of the members as they are now.
    func makeIterator() -> IndexingIterator<[Member]> { members.makeIterator() }
}
