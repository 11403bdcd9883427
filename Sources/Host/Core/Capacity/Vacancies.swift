/// Where there may be a place as things stand.
public enum Vacancies {
    /// Whether one that waits for this may find a place, or has to be told that nobody can serve it any more.
    public static func mayFind(
        _ wants: Admission.Wants, in snapshot: RegistrySnapshot, under limits: ConcurrencyLimits
    ) -> Bool {
        guard limits.hasPlace(pattern: wants.limit) else { return false }
        let candidates = wants.model.isEmpty ? snapshot.takingAny : snapshot.candidates[wants.model] ?? []
        guard !candidates.isEmpty else {
            // One that waits for a restart goes on waiting while somebody is known to have the model.
            return !(wants.waitsForRestart && snapshot.holders[wants.model] != nil)
        }
        var isLeft = false
        for index in candidates where wants.mayBe(at: index, in: snapshot) {
            if snapshot.backends[index].hasPlace { return true }
            isLeft = true
        }
        return !isLeft
    }
}

extension Admission.Wants {
    /// Whether the backend may serve it, as far as is known.
    fileprivate func mayBe(at index: Int, in snapshot: RegistrySnapshot) -> Bool {
        let identity = snapshot.backends[index].identity
        guard backend == nil || backend == identity.name,
            allowed.isEmpty || KeyScope(backends: allowed).has(backend: identity.name), !tried.contains(identity.id)
        else { return false }
        guard !unfit.isEmpty, let before = unfit[identity.id] else { return true }
        return snapshot.told(of: model, at: index) != before
    }
}
