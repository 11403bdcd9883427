/// Finds what is wrong in pictures of the gateway; remembers only what counts and queues were before.
struct TroubleFinder: Sendable {
    typealias Sighting = TroubleFold.Sighting

    /// When something is a trouble, and when it is one no longer. The second of a pair is for one that has been told.
    enum Limits {
        /// Times within an hour that a backend ceased to be well.
        static let flaps = 3
        /// Nanoseconds after the last of them until it counts as steady.
        static let steady: UInt64 = 900 * 1_000_000_000
        /// Attempts within a minute, and the percentage of them that failed.
        static let attempts: (UInt64, UInt64) = (10, 1)
        static let errorPercent: (UInt64, UInt64) = (25, 10)
        /// Where not one went well, so many are enough.
        static let allFailed: UInt64 = 5
        /// Requests that wait, as a percentage of those that may.
        static let waitingPercent: (Int, Int) = (20, 10)
        /// Fewer are no trouble, however few may wait.
        static let waiting: (Int, Int) = (5, 2)
        static let fullPercent: (Int, Int) = (100, 90)
        /// Seconds for which a server asked to be left alone.
        static let rest = 30.0
        /// Memory that is used, as a percentage of what may be.
        static let memoryPercent: (Int, Int) = (90, 75)
        /// Nanoseconds.
        static let queueCalm: UInt64 = 10 * 1_000_000_000
        static let memoryCalm: UInt64 = 30 * 1_000_000_000
        static let misuseCalm: UInt64 = 300 * 1_000_000_000
        /// How far back the queue is compared with.
        static let queueLook: UInt64 = 10 * 1_000_000_000
        /// Things that adapters do whose growth is watched.
        static let misuses = 1000
    }

    private var queueRefused = Growth()
    private var memoryRefused = Growth()
    private var misuses: [String: Growth] = [:]
    /// How many waited, oldest first, about once a second.
    private var queueLengths: [(instant: UInt64, waiting: Int)] = []

    mutating func find(in picture: TroublePicture) -> [Sighting] {
        var found: [Sighting] = []
        for backend in picture.backends where backend.status != .draining {
            found += Self.health(of: backend)
            if let flapping = Self.flapping(backend, picture) { found.append(flapping) }
            found += Self.rests(of: backend, picture)
        }
        found += Self.errors(in: picture)
        found += queue(in: picture)
        found += memory(in: picture)
        found += misuse(in: picture)
        found += Self.rest(of: picture)
        return found
    }

    // MARK: Backends

    private static func page(_ backend: TroublePicture.Backend) -> String {
        "overview&backend=\(TroubleWords.encoded(backend.id))"
    }

    private static func sighting(
        _ kind: Trouble.Kind, _ severity: Trouble.Severity, _ backend: TroublePicture.Backend, since: Double,
        _ what: String, why: String = "", isFaint: Bool = false
    ) -> Sighting {
        Sighting(
            trouble: Trouble(
                kind: kind, severity: severity, subject: .backend(id: backend.id, name: backend.name), since: since,
                what: what, why: why, link: page(backend)),
            isFaint: isFaint)
    }

    private static func health(of backend: TroublePicture.Backend) -> [Sighting] {
        let severity: Trouble.Severity = backend.isSole ? .critical : .warning
        switch backend.state {
        case .unhealthy, .goingUp:
            // Whoever looks wants to know since when it has not answered, not when that was enough to say so.
            let since = min(backend.failingSince ?? backend.statusSince, backend.statusSince)
            let end = backend.state == .goingUp ? ", and is coming back (\(backend.note.lowercased().dotless))" : ""
            return [
                sighting(.down, severity, backend, since: since, "\(backend.name) is down\(end)", why: backend.reason)
            ]
        case .degraded: return [breaker(of: backend, severity)]
        case .goingDown:
            return [
                sighting(
                    .goingDown, .warning, backend, since: backend.failingSince ?? backend.statusSince,
                    "\(backend.name) serves, and its probes fail", why: backend.reason)
            ]
        case .healthy, .unknown, .draining: return []
        }
    }

    private static func breaker(of backend: TroublePicture.Backend, _ severity: Trouble.Severity) -> Sighting {
        let message = backend.breaker?.message ?? ""
        guard case .rate(let failures, let attempts)? = backend.breaker?.cause else {
            return sighting(
                .breakerOpen, severity, backend, since: backend.statusSince,
                "\(backend.name) is left alone where another can serve", why: backend.reason)
        }
        // Not one went well: then all that have been made are counted, also those since it opened.
        if backend.failuresInARow >= attempts, failures == attempts {
            return sighting(
                .breakerOpen, severity, backend, since: backend.failuresSince ?? backend.statusSince,
                "\(backend.failuresInARow) of \(backend.failuresInARow) requests to \(backend.name) failed",
                why: message)
        }
        return sighting(
            .breakerOpen, severity, backend, since: backend.statusSince,
            "\(failures) of \(attempts) requests to \(backend.name) failed, and it is left alone where another can serve",
            why: message)
    }

    private static func flapping(_ backend: TroublePicture.Backend, _ picture: TroublePicture) -> Sighting? {
        let flaps = backend.flaps
        guard flaps.count > 0, picture.instant < flaps.last &+ Limits.steady else { return nil }
        let since = picture.now - Double(picture.instant - min(flaps.first, picture.instant)) / 1e9
        let count = flaps.count < FlapCount.limit ? "\(flaps.count)" : "at least \(flaps.count)"
        return sighting(
            .flapping, .warning, backend, since: since,
            "\(backend.name) comes and goes: it failed \(count) times", why: backend.reason,
            isFaint: flaps.count < Limits.flaps)
    }

    private static func rests(of backend: TroublePicture.Backend, _ picture: TroublePicture) -> [Sighting] {
        let long = backend.rests.filter { $0.until - $0.since >= Limits.rest && $0.until > picture.now }
        guard let last = long.max(by: { $0.until < $1.until }), let since = long.map(\.since).min() else { return [] }
        let end = TroubleWords.instant(last.until, now: picture.now)
        let models = long.compactMap(\.model)
        let whole = long.contains { $0.model == nil }
        let subject =
            whole ? "" : models.count == 1 ? " with \(models[0])" : " with \(models.count) models"
        return [
            sighting(
                .resting, .notice, backend, since: since,
                "\(backend.name) is left alone\(subject) until \(end), as it asked,")
        ]
    }

    private static func errors(in picture: TroublePicture) -> [Sighting] {
        guard !picture.errors.isEmpty else { return [] }
        let backends = Dictionary(picture.backends.map { ($0.id, $0) }) { first, _ in first }
        return picture.errors.compactMap { errors in
            guard let backend = backends[errors.backend], backend.status.serves,
                errors.attempts >= Limits.attempts.1,
                errors.failures * 100 >= errors.attempts * Limits.errorPercent.1
            else { return nil }
            let isMany =
                errors.attempts >= Limits.attempts.0
                && errors.failures * 100 >= errors.attempts * Limits.errorPercent.0
            let begins = isMany || errors.failures == errors.attempts && errors.attempts >= Limits.allFailed
            return Sighting(
                trouble: Trouble(
                    kind: .errorRate, severity: errors.failures == errors.attempts ? .critical : .warning,
                    subject: .model(errors.model, backend: backend.id, name: backend.name), since: picture.now,
                    what: "\(errors.failures) of \(errors.attempts) requests a minute for \(errors.model) at "
                        + "\(backend.name) have failed",
                    why: errors.message,
                    link: "history?backend=\(TroubleWords.encoded(backend.id))"
                        + "&model=\(TroubleWords.encoded(errors.model))&status=Error"),
                isFaint: !begins)
        }
    }

    // MARK: The gateway

    private static func gateway(
        _ kind: Trouble.Kind, _ severity: Trouble.Severity, since: Double, _ what: String, why: String = "",
        link: String = "gateway", isFaint: Bool = false
    ) -> Sighting {
        Sighting(
            trouble: Trouble(
                kind: kind, severity: severity, subject: .gateway, since: since, what: what, why: why, link: link),
            isFaint: isFaint)
    }

    private mutating func queue(in picture: TroublePicture) -> [Sighting] {
        let queue = picture.queue
        let past = lookBack(picture)
        var found: [Sighting] = []
        let refused = queueRefused.see(
            queue.refused, calm: Limits.queueCalm, now: picture.now, instant: picture.instant)
        if let refused {
            found.append(
                Self.gateway(
                    .queueFull, .critical, since: refused.since,
                    "\(TroubleWords.count(refused.count, "request was", "requests were")) refused a place in the queue",
                    why: "\(queue.waiting) wait, of \(queue.limit) that may", link: "overview"))
        } else if queue.limit > 0, queue.waiting * 100 >= queue.limit * Limits.fullPercent.1, queue.waiting > 0 {
            found.append(
                Self.gateway(
                    .queueFull, .critical, since: picture.now, "The queue is full",
                    why: "\(queue.waiting) wait, of \(queue.limit) that may", link: "overview",
                    isFaint: queue.waiting * 100 < queue.limit * Limits.fullPercent.0))
        }
        let many = max(Limits.waiting.1, queue.limit * Limits.waitingPercent.1 / 100)
        guard queue.waiting >= many else { return found }
        let begins =
            queue.waiting >= max(Limits.waiting.0, queue.limit * Limits.waitingPercent.0 / 100)
            && (queue.waiting > past || queue.waiting * 2 >= queue.limit)
        let comparison = queue.waiting > past ? "; \(past) waited ten seconds ago" : ""
        found.append(
            Self.gateway(
                .queueGrowing, .warning, since: picture.now, "\(queue.waiting) requests wait for a place",
                why: "\(queue.limit) may\(comparison)", link: "overview", isFaint: !begins))
        return found
    }

    /// How many waited ten seconds ago; notes how many do now.
    private mutating func lookBack(_ picture: TroublePicture) -> Int {
        queueLengths.removeAll { $0.instant &+ Limits.queueLook < picture.instant }
        let past = queueLengths.first?.waiting ?? 0
        if queueLengths.last.map({ $0.instant &+ 1_000_000_000 <= picture.instant }) ?? true {
            queueLengths.append((picture.instant, picture.queue.waiting))
        }
        return past
    }

    private mutating func memory(in picture: TroublePicture) -> [Sighting] {
        let memory = picture.memory
        let mebibyte = 1024 * 1024
        let why = "\(memory.used / mebibyte) of \(memory.limit / mebibyte) MiB are in use; see server.max_memory_bytes"
        var found: [Sighting] = []
        let refused = memoryRefused.see(
            memory.refused, calm: Limits.memoryCalm, now: picture.now, instant: picture.instant)
        let percent = memory.limit > 0 ? Double(memory.used) * 100 / Double(memory.limit) : 0
        if let refused {
            found.append(
                Self.gateway(
                    .memoryShort, .critical, since: refused.since,
                    "There was no memory for \(TroubleWords.count(refused.count, "request or answer", "requests or answers"))",
                    why: why))
        } else if percent >= Double(Limits.memoryPercent.1) {
            found.append(
                Self.gateway(
                    .memoryShort, .warning, since: picture.now, "There is little memory left for requests and answers",
                    why: why, isFaint: percent < Double(Limits.memoryPercent.0)))
        }
        if picture.lacksDescriptors {
            found.append(
                Self.gateway(
                    .descriptorsShort, .critical, since: picture.now, "Connections to servers cannot be made",
                    why: "the process has no descriptors left; raise its limit (ulimit -n, LimitNOFILE)"))
        }
        return found
    }

    private mutating func misuse(in picture: TroublePicture) -> [Sighting] {
        var worst: [String: (Growth.Spell, TroublePicture.Misuse)] = [:]
        for misuse in picture.misuse {
            let key = "\(misuse.adapter)\u{0}\(misuse.backend)\u{0}\(misuse.words)"
            guard misuses[key] != nil || misuses.count < Limits.misuses else { continue }
            let spell = misuses[key, default: Growth()].see(
                misuse.count, calm: Limits.misuseCalm, now: picture.now, instant: picture.instant)
            guard let spell, spell.count >= misuse.threshold else { continue }
            if let other = worst[misuse.adapter], other.0.count >= spell.count { continue }
            worst[misuse.adapter] = (spell, misuse)
        }
        return worst.map { adapter, found in
            let backend = found.1.backend.isEmpty ? "" : " (\(found.1.backend))"
            return Sighting(
                trouble: Trouble(
                    kind: .adapterMisbehaving, severity: .notice, subject: .adapter(adapter), since: found.0.since,
                    what: "\(adapter.isEmpty ? "An adapter" : "The adapter \(adapter)") has broken the rules",
                    why: "\(TroubleWords.count(found.0.count, "time", "times")) \(found.1.words)\(backend)",
                    link: "gateway"))
        }
    }

    /// At most one: an expired certificate is a trouble already without a new one that cannot be taken.
    private static func troubles(of certificate: TroublePicture.Certificate, now: Double) -> [Sighting] {
        let problem = certificate.problem
        if certificate.expires <= now {
            let why = problem.map { "and what its files hold was not taken: \($0)" } ?? "put a new one in its place"
            return [
                gateway(
                    .certificate, .critical, since: certificate.expires, "The gateway's certificate has expired",
                    why: why)
            ]
        }
        guard let problem else { return [] }
        return [
            gateway(
                .certificate, .warning, since: certificate.since,
                "The gateway's new certificate was not taken, and the one before stays in use", why: problem)
        ]
    }

    private static func rest(of picture: TroublePicture) -> [Sighting] {
        var found: [Sighting] = []
        if let reload = picture.reload {
            found.append(
                gateway(
                    .reloadFailed, .warning, since: reload.at,
                    "The configuration was not reloaded, and the one before stays in use; the reload failed",
                    why: reload.problem))
        }
        if let certificate = picture.certificate { found += Self.troubles(of: certificate, now: picture.now) }
        if let problem = picture.stateProblem {
            found.append(
                gateway(
                    .stateFile, .warning, since: picture.now, "Kept changes of backends are not in force", why: problem)
            )
        }
        if let problem = picture.historyProblem {
            found.append(
                gateway(
                    .historyFile, .warning, since: problem.since, "The history is not kept on disk",
                    why: problem.reason))
        }
        if let problem = picture.collectorProblem {
            found.append(
                gateway(
                    .collector, .notice, since: problem.since, "Traces do not reach their collector",
                    why: problem.reason))
        }
        if let problem = picture.capturesProblem {
            found.append(
                gateway(
                    .capturesFile, .warning, since: problem.since, "Captures are not kept", why: problem.reason))
        }
        found += picture.refusedFiles.map { refused($0, now: picture.now) }
        return found
    }

    private static func refused(_ file: TroublePicture.RefusedFile, now: Double) -> Sighting {
        var (kind, severity) = (Trouble.Kind.adapterRefused, Trouble.Severity.warning)
        let what: String
        switch file.reason {
        case .newVersion: what = "The new version of \(file.path) cannot be used"
        case .otherBytes: what = "The adapter \(file.path) is not loaded"
        case .unlisted: (severity, what) = (.notice, "The adapter \(file.path) is not loaded")
        case .quarantine: (kind, what) = (.adapterQuarantined, "The adapter \(file.path) is left out")
        }
        return Sighting(
            trouble: Trouble(
                kind: kind, severity: severity, subject: .adapter(file.path), since: now, what: what,
                why: file.problem, link: "gateway"))
    }
}

extension String {
    /// Without a full stop at its end.
    fileprivate var dotless: String { hasSuffix(".") ? String(dropLast()) : self }
}
