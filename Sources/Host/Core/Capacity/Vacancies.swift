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
        for index in candidates {
            let backend = snapshot.backends[index]
            guard !wants.tried.contains(backend.identity.id),
                wants.backend == nil || wants.backend == backend.identity.name,
                wants.only?.contains(backend.identity.id) ?? true
            else { continue }
            if backend.hasPlace { return true }
            isLeft = true
        }
        return !isLeft
    }
}
