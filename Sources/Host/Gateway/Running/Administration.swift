import AdapterHost
import Config
import Core
import JSON
import NIOCore
import Synchronization

/// What operators change while the gateway runs. Each change is applied as a whole, in turn with reloads of the configuration:
/// it becomes part of the overlay, is kept if that is wanted, and then the backends are brought in line. What is refused, or
/// could not be kept, has changed nothing.
extension Reconfigurer {
    /// Servers that are asked what they are, at once.
    private static let searchLimit = 4

    func run(_ command: BackendCommand) async -> CommandResult {
        do throws(ErrorBody) {
            switch command {
            case .add(let specification, let persists): return .success(try await add(specification, persists))
            case .change(let name, let change, let persists):
                return .success(try await self.change(name, change, persists))
            case .remove(let name, let atOnce, let persists):
                return .success(try await remove(name, atOnce: atOnce, persists))
            }
        } catch {
            return .failure(error)
        }
    }

    // MARK: Adding

    private func add(_ given: JSONObject, _ persists: Bool) async throws(ErrorBody) -> CommandOutcome {
        var specification = given.sorted
        var recognised: ServerType?
        // Everything else is looked at before a server is asked.
        let definition = try read(specification.with("name", "new").with("type", "unknown"))
        if let before = same(specification) { return try await again(before, persists) }
        if specification["name"] == nil, let other = state.withLock({ $0.holder(of: definition.url) }) {
            throw ErrorBody(.addressTaken(by: other), "", among: [String]())
        }
        if specification["type"] == nil {
            let found = try await type(of: definition)
            specification = specification.with("type", .string(found.type)).sorted
            recognised = found
        }
        try await check(try read(specification.with("name", "new")), persists)
        let (whole, url) = (specification, definition.url)
        var outcome = try await apply(whole["name"]?.string ?? "", persists) {
            state throws(BackendOverlay.Refusal) in try state.add(whole, at: url)
        }
        if outcome.status == .changed { outcome.status = .added }
        outcome.recognised = recognised
        await probed(&outcome)
        if let twin = shared.registry.views.first(where: { $0.url == outcome.view?.url && $0.id != outcome.name }) {
            outcome.warnings.append("\(EntryLimits.cut(twin.name, to: 80)) has the same address")
        }
        return outcome
    }

    /// Whether an adapter takes it, and whether it may be kept.
    private func check(_ definition: Configuration.Backend, _ persists: Bool) async throws(ErrorBody) {
        let library = shared.library
        let resolved = (try? library.resolved(definition)) ?? definition
        if let problem = BackendFactory.problem(with: resolved, library: library) {
            let isUnknown = library.image(type: resolved.type) == nil
            throw ErrorBody(
                status: 400, message: problem, param: isUnknown ? "type" : "options",
                code: isUnknown ? "unknown_backend_type" : "invalid_backend")
        }
        if persists { try refuseSecrets(of: resolved) }
        let trials = trials
        let tried = await shared.commands.waits { await trials.refusal(resolved, library: library) }
        guard let tried else { throw .shuttingDown }
        if let refusal = tried { throw ErrorBody(status: 400, message: refusal, code: "invalid_backend") }
    }

    private func read(_ specification: JSONObject) throws(ErrorBody) -> Configuration.Backend {
        do throws(ConfigurationError) {
            return try ConfigurationReader.backend(specification, under: configuration, source: "")
        } catch {
            throw ErrorBody(error)
        }
    }

    /// The name of one that was added before and is described in the same way, perhaps but for its type, which was found then.
    private func same(_ specification: JSONObject) -> String? {
        guard let name = specification["name"]?.string,
            let before = state.withLock({ $0.overlay.entry(name).added }),
            before.specification == specification || before.specification.without("type") == specification
        else { return nil }
        return name
    }

    private func again(_ name: String, _ persists: Bool) async throws(ErrorBody) -> CommandOutcome {
        try await apply(name, persists) { _ in (name, false) }
    }

    private func type(of definition: Configuration.Backend) async throws(ErrorBody) -> ServerType {
        guard searches.add(1, ordering: .relaxed).newValue <= Self.searchLimit else {
            searches.subtract(1, ordering: .relaxed)
            throw ErrorBody(
                status: 503,
                message: "Too many servers are asked what they are right now; try again, or give the type.",
                type: "service_unavailable_error", code: "overloaded", retryAfter: 1)
        }
        defer { searches.subtract(1, ordering: .relaxed) }
        let timeout = min(configuration.healthCheck.timeout, .seconds(10))
        let (library, trials) = (shared.library, trials)
        let found = await shared.commands.waits { () -> Result<ServerType, ServerType.NotFound> in
            do throws(ServerType.NotFound) {
                return .success(
                    try await ServerType.find(
                        definition, library: library, trials: trials, timeout: TimeAmount(timeout)))
            } catch {
                return .failure(error)
            }
        }
        switch found {
        case nil: throw .shuttingDown
        case .success(let type)?: return type
        case .failure(let error)?:
            let reasons = error.reasons.prefix(8).map { "\($0.type): \(EntryLimits.cut($0.reason, to: 300))" }
            throw ErrorBody(
                status: 400,
                message:
                    "No adapter finds a server that it knows at \(definition.url). Give the type if it is only down now. "
                    + (reasons.isEmpty ? "No adapter is loaded." : reasons.joined(separator: "; ")),
                param: "type", code: "backend_not_recognised")
        }
    }

    /// Waits until the first probe has told how the new backend is, but not for longer than one may take.
    private func probed(_ outcome: inout CommandOutcome) async {
        guard outcome.status == .added else { return }
        let name = outcome.name
        let limit = min(configuration.healthCheck.timeout, .seconds(10))
        let backends = backends
        _ = await shared.commands.waits {
            // Not a group, which would wait for the probe however long that takes.
            let (ends, first) = AsyncStream<Void>.makeStream()
            let patience = Task {
                try? await Task.sleep(for: limit)
                first.finish()
            }
            Task {
                await backends.firstProbe(of: name)
                first.finish()
            }
            for await _ in ends {}
            patience.cancel()
        }
        outcome.view = view(name)
    }

    // MARK: Changing, removing

    private func change(
        _ name: String, _ change: BackendOverlay.Change, _ persists: Bool
    ) async throws(ErrorBody) -> CommandOutcome {
        try await apply(name, persists) { state throws(BackendOverlay.Refusal) in (name, try state.change(name, change))
        }
    }

    private func remove(_ name: String, atOnce: Bool, _ persists: Bool) async throws(ErrorBody) -> CommandOutcome {
        var outcome = try await apply(name, persists, atOnce: atOnce) {
            [self] state throws(BackendOverlay.Refusal) in
            do throws(BackendOverlay.Refusal) {
                return (name, try state.remove(name))
            } catch {
                // It was removed before, and is still on its way out, or only kept.
                let isLeft = view(name) != nil || persists && state.kept.isAdded(name)
                guard error == .unknown, isLeft else { throw error }
                return (name, false)
            }
        }
        if outcome.status == .changed {
            outcome.status = .removed
        } else if atOnce {
            await backends.endNow(name)
            outcome.view = view(name)
        }
        return outcome
    }

    // MARK: Every change

    /// A change of one backend, from how everything stands when it is its turn. Gives the name of the backend, and whether
    /// anything is otherwise then.
    private typealias Step =
        @Sendable (inout State) throws(BackendOverlay.Refusal) -> (name: String, isChanged: Bool)

    /// - Parameters:
    ///   - given: the name of the backend as it was given, for messages.
    ///   - persists: what is in force for the backend then is kept.
    private func apply(
        _ given: String, _ persists: Bool, atOnce: Bool = false, _ change: @escaping Step
    ) async throws(ErrorBody) -> CommandOutcome {
        try await work.run { [self] () async -> CommandResult in
            guard !shared.commands.isClosed else { return .failure(.shuttingDown) }
            var next = state.withLock { $0 }
            var outcome = CommandOutcome(status: .unchanged, name: given, isKept: false)
            do throws(ErrorBody) {
                do throws(BackendOverlay.Refusal) {
                    let (name, isChanged) = try change(&next)
                    outcome.name = name
                    if isChanged { outcome.status = .changed }
                    if persists { try next.kept.take(name, from: next.overlay) }
                } catch {
                    throw ErrorBody(error, given, among: shared.registry.views.map(\.name))
                }
                if persists {
                    if let aside = try keep(next.kept, next.overlay, outcome.name) {
                        outcome.warnings.append("the state file was not this gateway's, and is kept as \(aside)")
                    }
                }
            } catch {
                return .failure(error)
            }
            let (overlay, kept, name) = (next.overlay, next.kept, outcome.name)
            state.withLock { state in
                state.overlay = overlay
                state.kept = kept
            }
            if outcome.status == .changed {
                // Those that cannot be used are tried again as well, and are no matter of this command.
                let warnings = await bring(atOnce: atOnce ? [name] : []).warnings
                outcome.warnings += warnings.filter { $0.hasPrefix("\(name): ") }
                await updates.delivered()
            }
            outcome.view = view(name)
            outcome.isKept = kept.entry(name) == overlay.entry(name)
            if !outcome.isKept, !kept.entry(name).isNothing {
                outcome.warnings.append(
                    "the state file has \(EntryLimits.cut(name, to: 80)) as it was kept before, and that comes back at the "
                        + "next start; repeat this with --persist if it should not")
            }
            return .success(outcome)
        }.get()
    }

    /// - Returns: where another file was put that was in the place.
    private func keep(
        _ kept: BackendOverlay, _ overlay: BackendOverlay, _ name: String
    ) throws(ErrorBody) -> String? {
        guard var file = state.withLock({ $0.file }) else {
            throw ErrorBody(
                status: 400,
                message: "There is no place for a state file, since the configuration is no regular file. Nothing was "
                    + "changed; start the gateway with --state-file, or do it without --persist.",
                code: "no_state_file")
        }
        if let added = overlay.entry(name).added { try refuseSecrets(of: try read(added.specification)) }
        do throws(StateFile.Failure) {
            let aside = try file.save(kept)
            state.withLock { $0.file = file }
            shared.stateProblem = nil
            return aside
        } catch {
            shared.logger.error("a change of backends was not kept, and not made: \(error)")
            throw ErrorBody(
                status: 500, message: "Nothing was changed, since it could not be kept: \(error)", type: "server_error",
                code: "state_not_kept")
        }
    }

    private func refuseSecrets(of definition: Configuration.Backend) throws(ErrorBody) {
        let resolved = (try? shared.library.resolved(definition)) ?? definition
        let places = OptionSecrets.places(
            in: resolved.options, schema: shared.library.image(type: resolved.type)?.optionsSchema ?? "",
            marked: resolved.secretOptions)
        guard !places.isEmpty else { return }
        let shown = places.sorted().prefix(8).map { EntryLimits.cut($0, to: 100) }.joined(separator: ", ")
        throw ErrorBody(
            status: 400,
            message:
                "Secrets are not written into the state file: \(shown). Name variables that hold them (api_key_env, "
                + "options called ..._env), write the backend into the configuration, or do it without --persist.",
            param: "options", code: "secret_not_kept")
    }

    private func view(_ name: String) -> BackendView? { shared.registry.views.first { $0.id == name } }

    // MARK: The start, and reloads

    /// Takes over what was kept. If that cannot be read, the gateway runs with what the configuration says, and says so.
    func takeUpKept() {
        guard var file = state.withLock({ $0.file }) else { return }
        do throws(ConfigurationError) {
            let kept = try file.load()
            state.withLock { state in
                state.file = file
                state.overlay = kept
                state.kept = kept
            }
            for note in overlayNotes { shared.logger.info("\(note)") }
        } catch {
            shared.stateProblem =
                "Changes of backends that were kept are not in force, since the state file cannot be used; the log says why."
            shared.logger.error(
                """
                changes of backends that were kept are not in force, the configuration alone is: \(error). Mend the file and \
                start again; the next change that is kept puts it aside under another name
                """)
        }
    }

    /// What is otherwise than the configuration says.
    var overlayNotes: [String] {
        let (overlay, applied) = state.withLock { ($0.overlay, $0.applied) }
        guard let summary = overlay.summary else { return [] }
        var notes = ["changes that were made at runtime are in force: \(summary)"]
        for name in applied.overruled.prefix(10) {
            notes.append("\(name) was added at runtime; the configuration names it as well, and that counts")
        }
        for name in applied.missing.prefix(10) {
            notes.append("\(name) was changed at runtime, and the configuration does not name it any more")
        }
        return notes
    }
}

extension ErrorBody {
    /// What is wrong with what a command says.
    init(_ error: ConfigurationError) {
        self.init(
            status: 400, message: error.problems.map { "\($0)" }.joined(separator: "; "),
            param: error.problems.first?.key,
            code: "invalid_backend")
    }
}

extension JSONObject {
    fileprivate func without(_ name: String) -> JSONObject { JSONObject(members.filter { $0.name != name }) }
}
