import PluginAPI

/// A probe: is the server up, and which models has it? It leads to exactly one report of health, models before it.
struct Probe {
    let backend: Backend
    let task: ProbeTask
    let key: Int
    let triedKeys: Set<Int>

    init(backend: Backend, task: ProbeTask, key: Int, triedKeys: Set<Int> = []) {
        self.backend = backend
        self.task = task
        self.key = key
        self.triedKeys = triedKeys.union([key])
    }

    func conclude(_ answer: CollectingHandler.Answer) {
        let path = ServerProtocol.modelsPath
        switch answer.end {
        case .complete: break
        // The probe is over already.
        case .cancelled: return
        case .refused(let message), .timedOut(let message), .closed(let message), .garbage(let message):
            return unhealthy("GET \(path): \(message)")
        }
        switch answer.status {
        case 200...299: break
        case 401, 403:
            // Another key may be good.
            if let next = backend.keys.next(after: key, tried: triedKeys, answer: .refused) {
                let again = Probe(backend: backend, task: task, key: next, triedKeys: triedKeys)
                if backend.ask(again) == NEXUS_OK { return }
            }
            return unhealthy(
                "GET \(path): the server refuses the API key (status \(answer.status)); "
                    + "set api_key_env to the variable that holds it")
        default: return unhealthy("GET \(path) answered with status \(answer.status)")
        }
        guard !answer.isCut, let models = (try? JSONValue.parse(answer.body)).flatMap(ServerProtocol.models) else {
            return unhealthy("GET \(path) did not answer with a list of models; is url right?")
        }
        backend.reports.models(models)
        backend.reports.health(NEXUS_HEALTHY, server: answer.server)
    }

    private func unhealthy(_ message: String) { backend.reports.health(NEXUS_UNHEALTHY, message: message) }
}
