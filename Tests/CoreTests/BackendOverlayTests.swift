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
        kept.take("a", from: overlay)

        #expect(kept.added == [added("a")] && kept.changes == ["a": Change(priority: 1)])

        _ = try overlay.remove("a", over: ["b"])
        kept.take("a", from: overlay)
        #expect(kept.isEmpty)
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
