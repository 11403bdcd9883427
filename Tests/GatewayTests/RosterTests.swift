import Testing

@testable import Gateway

@Suite struct RosterTests {
    private final class Member {
        let name: Int
        init(_ name: Int) { self.name = name }
    }

    @Test func membersAreGoneThroughInAnOrderThatHistoryAloneDecides() {
        let members = (0..<6).map(Member.init)
        var roster = Roster<Member>()
        for member in members { roster.insert(member) }

        roster.remove(members[1])
        roster.remove(members[5])

        #expect(roster.map(\.name) == [0, 4, 2, 3])
    }

    @Test func aMemberIsThereOnceAndGoesOnce() {
        let member = Member(1)
        var roster = Roster<Member>()

        roster.insert(member)
        roster.insert(member)
        #expect(roster.count == 1)

        roster.remove(member)
        roster.remove(member)
        #expect(roster.isEmpty)
    }

    @Test func itMayChangeWhileItIsGoneThrough() {
        let members = (0..<100).map(Member.init)
        var roster = Roster<Member>()
        for member in members { roster.insert(member) }

        for member in roster where member.name % 2 == 0 { roster.remove(member) }

        #expect(roster.count == 50 && roster.allSatisfy { $0.name % 2 == 1 })
    }
}
