import JSON
import Testing

@testable import Core

@Suite struct BackendOverlayTests {
    private typealias Change = BackendOverlay.Change

    private func backend(_ name: String, _ change: (inout Configuration.Backend) -> Void = { _ in }) throws
        -> Configuration.Backend
    {
        var backend = Configuration.Backend(name: name, type: "t", url: try BackendURL("http://127.0.0.1:1"))
        change(&backend)
        return backend
    }

    private func added(_ name: String, port: Int64 = 9) -> BackendOverlay.Added {
        BackendOverlay.Added(
            name: name,
            specification: JSONObject([
                (name: "name", value: .string(name)), (name: "port", value: .number(JSONNumber(port))),
            ]))
    }

    private func applied(_ overlay: BackendOverlay, to base: [Configuration.Backend]) -> BackendOverlay.Applied {
        overlay.applied(to: base) { try? backend($0["name"]?.string ?? "") }
    }

    /// What a change is refused for; nil: it is not.
    private func refusal(_ change: () throws(BackendOverlay.Refusal) -> Bool) -> BackendOverlay.Refusal? {
        do throws(BackendOverlay.Refusal) {
            _ = try change()
            return nil
        } catch {
            return error
        }
    }

    // MARK: Applying

    @Test func withoutChangesTheConfigurationIsWanted() throws {
        let base = [try backend("a"), try backend("b")]

        #expect(applied(BackendOverlay(), to: base).backends == base)
    }

    @Test func addedBackendsComeBehindThoseOfTheConfiguration() throws {
        var overlay = BackendOverlay()
        let isNew = try overlay.add(added("z"), over: ["a"])
        _ = try overlay.add(added("b"), over: ["a"])
        let wanted = applied(overlay, to: [try backend("a")]).backends

        #expect(isNew)
        #expect(wanted.map(\.name) == ["a", "z", "b"])
        #expect(wanted.map(\.source) == ["static", "manual", "manual"])
    }

    @Test func changesGoOverWhatIsDescribed() throws {
        var overlay = BackendOverlay()
        _ = try overlay.change("a", Change(priority: 3), over: ["a", "b", "c"])
        _ = try overlay.change("a", Change(maxConcurrent: .some(nil)), over: ["a", "b", "c"])
        _ = try overlay.change("b", Change(isEnabled: false), over: ["a", "b", "c"])
        _ = try overlay.remove("c", over: ["a", "b", "c"])
        let base = [try backend("a") { $0.maxConcurrent = 4 }, try backend("b"), try backend("c")]
        let expected = [try backend("a") { $0.priority = 3 }, try backend("b") { $0.isEnabled = false }]

        #expect(applied(overlay, to: base).backends == expected)
    }

    @Test func aReloadKeepsChangesAndTellsOfThoseWithoutABackend() throws {
        var overlay = BackendOverlay()
        _ = try overlay.change("a", Change(priority: 3), over: ["a", "b"])
        _ = try overlay.change("b", Change(isEnabled: false), over: ["a", "b"])
        let reloaded = applied(overlay, to: [try backend("a") { $0.priority = 9 }, try backend("c")])

        #expect(reloaded.backends.map(\.priority) == [3, 50])
        #expect(reloaded.missing == ["b"])
    }

    @Test func theConfigurationCountsBeforeAnAddedBackendOfItsName() throws {
        var overlay = BackendOverlay()
        _ = try overlay.add(added("a"), over: [])
        let named = applied(overlay, to: [try backend("a") { $0.priority = 1 }])
        let notNamed = applied(overlay, to: [])

        #expect(named.backends.map(\.priority) == [1] && named.overruled == ["a"])
        #expect(notNamed.backends.map(\.source) == ["manual"] && notNamed.overruled == [])
    }

    // MARK: Adding and removing

    @Test func theSameBackendIsAddedOnce() throws {
        var overlay = BackendOverlay()
        _ = try overlay.add(added("a"), over: [])
        let again = try overlay.add(added("a"), over: [])

        #expect(!again && overlay.added.count == 1)
        #expect(
            refusal { () throws(BackendOverlay.Refusal) in try overlay.add(added("a", port: 8), over: []) }
                == .nameTaken(isConfigured: false))
        #expect(
            refusal { () throws(BackendOverlay.Refusal) in try overlay.add(added("b"), over: ["b"]) }
                == .nameTaken(isConfigured: true))
    }

    @Test func aRemovedBackendOfTheConfigurationComesBackByBeingEnabled() throws {
        var overlay = BackendOverlay()
        let first = try overlay.remove("a", over: ["a"])
        let second = try overlay.remove("a", over: ["a"])
        let adding = refusal { () throws(BackendOverlay.Refusal) in try overlay.add(added("a"), over: ["a"]) }
        let setting = refusal { () throws(BackendOverlay.Refusal) in
            try overlay.change("a", Change(priority: 1), over: ["a"])
        }
        _ = try overlay.change("a", Change(isEnabled: true), over: ["a"])

        #expect(first && !second)
        #expect(adding == .nameRemoved && setting == .nameRemoved)
        #expect(overlay.isEmpty)
    }

    @Test func nothingIsLeftOfAnAddedBackendThatIsRemoved() throws {
        var overlay = BackendOverlay()
        _ = try overlay.add(added("a"), over: [])
        _ = try overlay.change("a", Change(priority: 1), over: [])
        _ = try overlay.remove("a", over: [])

        #expect(overlay.isEmpty)
        #expect(refusal { () throws(BackendOverlay.Refusal) in try overlay.remove("a", over: []) } == .unknown)
        #expect(
            refusal { () throws(BackendOverlay.Refusal) in try overlay.change("a", Change(priority: 1), over: []) }
                == .unknown)
    }

    @Test func toBeAsDescribedIsNoChange() throws {
        var overlay = BackendOverlay()
        let enabled = try overlay.change("a", Change(isEnabled: true), over: ["a"])
        let drained = try overlay.change("a", Change(isEnabled: false), over: ["a"])
        let back = try overlay.change("a", Change(isEnabled: true), over: ["a"])
        let against = try overlay.change("a", Change(isEnabled: true), over: ["a"], isEnabled: false)

        #expect(!enabled && drained && back && against)
        #expect(overlay.changes == ["a": Change(isEnabled: true)])
    }

    @Test func thereIsAnEndToBackendsAndToWhatTheySay() throws {
        var overlay = BackendOverlay()
        let base = Set((0..<BackendOverlay.Limits.backends - 1).map { "b\($0)" })
        _ = try overlay.add(added("last"), over: base)
        let text = String(repeating: "x", count: BackendOverlay.Limits.bytes)
        let large = BackendOverlay.Added(name: "large", specification: JSONObject([(name: "x", value: .string(text))]))

        #expect(
            refusal { () throws(BackendOverlay.Refusal) in try overlay.add(added("more"), over: base) }
                == .tooManyBackends)
        #expect(refusal { () throws(BackendOverlay.Refusal) in try overlay.add(large, over: []) } == .tooLarge)
    }

    // MARK: Keeping

    @Test func whatIsKeptIsAllThatIsSaidOfOneBackend() throws {
        var (overlay, kept) = (BackendOverlay(), BackendOverlay())
        _ = try overlay.add(added("a"), over: ["b"])
        _ = try overlay.add(added("other"), over: ["b"])
        _ = try overlay.change("a", Change(priority: 1), over: ["b"])
        _ = try overlay.change("b", Change(isEnabled: false), over: ["b"])
        try kept.take("a", from: overlay)

        #expect(kept.added == [added("a")] && kept.changes == ["a": Change(priority: 1)])

        _ = try overlay.remove("a", over: ["b"])
        try kept.take("a", from: overlay)
        #expect(kept.isEmpty)
    }

    private func holding(_ name: String, bytes: Int) -> BackendOverlay.Added {
        let text = String(repeating: "x", count: bytes)
        return BackendOverlay.Added(name: name, specification: JSONObject([(name: "x", value: .string(text))]))
    }

    @Test func whatIsKeptOfManyOneAfterAnotherIsNeverMoreThanAStartTakes() throws {
        var kept = BackendOverlay(added: (0..<BackendOverlay.Limits.backends).map { added("n\($0)") }, changes: [:])
        var overlay = BackendOverlay()
        _ = try overlay.add(added("more"), over: [])
        let full = kept
        #expect(throws: BackendOverlay.Refusal.tooMuchKept) { try kept.take("more", from: overlay) }
        #expect(kept == full, "nothing was changed")

        // What makes room is possible.
        try kept.take("n0", from: BackendOverlay())
        try kept.take("more", from: overlay)

        #expect(kept.added.count == BackendOverlay.Limits.backends && kept.isAdded("more") && !kept.isAdded("n0"))
    }

    @Test func descriptionsAreKeptUpToAllTheirBytes() throws {
        let half = BackendOverlay.Limits.bytes / 2
        var kept = BackendOverlay(added: [holding("a", bytes: half)], changes: [:])
        var overlay = BackendOverlay()
        _ = try overlay.add(holding("b", bytes: half), over: [])
        #expect(throws: BackendOverlay.Refusal.tooMuchKept) { try kept.take("b", from: overlay) }
        // In its own place it takes no more than before.
        var other = BackendOverlay()
        _ = try other.add(holding("a", bytes: half + 1000), over: [])
        try kept.take("a", from: other)

        #expect(kept.added == [holding("a", bytes: half + 1000)])
    }

    @Test func changesOfManyAreKeptUpToALimit() throws {
        let names = (0..<BackendOverlay.Limits.changes).map { "b\($0)" }
        var kept = BackendOverlay(
            added: [], changes: Dictionary(uniqueKeysWithValues: names.map { ($0, Change(isRemoved: true)) }))
        var overlay = BackendOverlay()
        _ = try overlay.remove("more", over: ["more"])
        _ = try overlay.change("b0", Change(isEnabled: false), over: ["b0"])

        #expect(throws: BackendOverlay.Refusal.tooMuchKept) { try kept.take("more", from: overlay) }
        try kept.take("b0", from: overlay)
        #expect(kept.changes["b0"] == Change(isEnabled: false))
    }

    @Test func ofTwoDescriptionsOfOneNameTheLaterCounts() {
        let overlay = BackendOverlay(added: [added("a"), added("b"), added("a", port: 7)], changes: [:])

        #expect(overlay.added == [added("b"), added("a", port: 7)])
    }

    @Test func timeOutsAreSetOneByOne() throws {
        var (overlay, first, second) = (BackendOverlay(), Change(), Change())
        first.timeouts.gap = .some(.seconds(7))
        first.timeouts.total = .some(.seconds(70))
        second.timeouts.total = .some(nil)
        _ = try overlay.change("a", first, over: ["a"])
        _ = try overlay.change("a", second, over: ["a"])
        let again = try overlay.change("a", second, over: ["a"])
        let described = try backend("a")
        let wanted = try #require(applied(overlay, to: [described]).backends.first)

        #expect(wanted.timeouts.gap == .seconds(7) && wanted.timeouts.total == nil && !again)
        #expect(wanted.timeouts.connect == described.timeouts.connect)
        #expect(overlay.summary == "set: a")
    }

    @Test func whatIsInForceIsToldInOneLine() throws {
        var overlay = BackendOverlay()
        let none = overlay.summary
        _ = try overlay.add(added("a"), over: ["b", "c", "d"])
        _ = try overlay.remove("b", over: ["b", "c", "d"])
        _ = try overlay.change("c", Change(isEnabled: false), over: ["b", "c", "d"])
        _ = try overlay.change("d", Change(priority: 1), over: ["b", "c", "d"])

        #expect(none == nil)
        #expect(overlay.summary == "added: a; removed: b; drained: c; set: d")
    }
}
