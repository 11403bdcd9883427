import PluginAPI

/// A request of a probe: always a GET, which no server answers with tokens.
struct Question {
    /// Milliseconds for what the probe can do without.
    static let patience: UInt32 = 1000

    /// Under which its answer is found.
    var name: String
    var path: String
    /// Below the host of the backend's URL alone, not below its path.
    var fromRoot = false
    /// 0: the probe's own deadline.
    var timeout = patience

    /// What stands below the backend's URL.
    init(_ path: String, _ options: Options, timeout: UInt32 = patience) {
        name = path
        self.path = options.place(path)
        fromRoot = options.isFromRoot
        self.timeout = timeout
    }

    /// A path of the server's own, outside OpenAI's API.
    init(own path: String, _ options: Options) {
        name = path
        self.path = (options.root ?? "") + path
        fromRoot = options.root != nil
    }
}

/// Several requests under way at once: when the last has ended, all answers are given.
final class Questions {
    struct Answers {
        fileprivate(set) var all: [String: CollectingHandler.Answer] = [:]
        fileprivate var values: [String: JSONValue] = [:]
        /// The probe is over; there is no one left to tell.
        var isCancelled: Bool { all.values.contains { $0.end == .cancelled } }

        subscript(name: String) -> CollectingHandler.Answer? { all[name] }

        /// The answer under a path, if it is JSON and no error: LM Studio answers so with a status that says success.
        func json(_ name: String) -> JSONValue? {
            guard let answer = all[name], answer.end == .complete, answer.status == 200,
                let value = values[name], UpstreamError.insideStream(value) == nil
            else { return nil }
            return value
        }

        /// The answer under a path, whatever it is.
        func value(_ name: String) -> JSONValue? { values[name] }
    }

    private var answers = Answers()
    private var waiting = 1
    private let then: (Answers) -> Void

    private init(_ then: @escaping (Answers) -> Void) { self.then = then }

    /// - Parameter then: called once, also when there is nothing to ask. What could not be sent has no answer.
    static func ask(
        _ questions: [Question], of backend: OpenAIBackend, _ task: ProbeTask, then: @escaping (Answers) -> Void
    ) {
        let under = Questions(then)
        let headers = backend.headers(backend.keys.current())
        for question in questions {
            under.waiting += 1
            let status = backend.host.start(
                task.handle, method: "GET", path: question.path, headers: headers.get, fromRoot: question.fromRoot,
                timeoutMilliseconds: question.timeout,
                handler: CollectingHandler(limit: 4 * 1024 * 1024) { answer in
                    under.answers.all[question.name] = answer
                    let isTaken = task.parse(answer.body) { value in
                        under.answers.values[question.name] = value
                        under.end()
                    }
                    if !isTaken { under.end() }
                })
            if status != NEXUS_OK { under.waiting -= 1 }
        }
        under.end()
    }

    private func end() {
        waiting -= 1
        if waiting == 0 { then(answers) }
    }
}
