import AdapterHost
import Config
import Core
import Shims

/// Looks at everything that a configuration needs, as a start would, and says all that is wrong with it. No gateway runs for that;
/// adapters are loaded and asked whether they take their backends.
public struct Checkup: Sendable {
    public struct Request: Sendable {
        public var configuration: Configuration
        /// The backends' servers are asked how they are.
        public var asksServers = true
        /// Also what this machine has to offer: ports, folders, limits.
        public var looksAround = false

        public init(_ configuration: Configuration) { self.configuration = configuration }
    }

    /// How many servers are asked at once.
    private static let atOnce = 16

    private let request: Request
    private var configuration: Configuration { request.configuration }

    public init(_ request: Request) { self.request = request }

    /// Takes as long as the slowest server is waited for.
    public func run() async -> [Finding] {
        // An adapter that ends the process here is named, as it is when the gateway runs.
        nexus_note_install()
        var findings: [Finding] = []
        if request.looksAround { findings += await MachineCheck.findings(configuration) }
        findings += ListenCheck.findings(configuration)
        findings += TLSCheck.findings(configuration)
        let library = AdapterLibrary.load(
            directories: configuration.adapters.directories, rules: Gateway.adapterRules(configuration.adapters))
        findings += AdapterCheck.findings(
            configuration.adapters, library,
            isDefault: configuration.adapters.directories == AdapterDirectories.standard)
        let (ofBackends, models) = await backends(library)
        findings += ofBackends
        if let models { findings += AliasCheck.findings(configuration.routing, models: models) }
        return findings
    }

    /// - Returns: with the models of all of them; nil: not all have told theirs, so that nothing can be missing.
    private func backends(_ library: AdapterLibrary) async -> ([Finding], models: Set<String>?) {
        guard !configuration.backends.isEmpty else {
            let finding = Finding.note(
                "backends", "none is configured",
                "name your servers in [[backends]]; without any the gateway looks for servers on this machine")
            return ([finding], nil)
        }
        guard let bench = try? await TrialBench(configuration) else {
            return (
                [
                    .wrong(
                        "backends", "no event loop could be made for trying them", "look at the limits of this process")
                ], nil
            )
        }
        let asksServers = request.asksServers
        let check = BackendCheck(library: library, trials: bench.trials, asksServers: asksServers)
        var results: [Int: BackendCheck.Result] = [:]
        var rest = configuration.backends.enumerated().makeIterator()
        await withTaskGroup(of: (Int, BackendCheck.Result).self) { tasks in
            func next() {
                guard let (index, backend) = rest.next() else { return }
                tasks.addTask { (index, await check.result(of: backend)) }
            }
            for _ in 0..<Self.atOnce { next() }
            while let (index, result) = await tasks.next() {
                results[index] = result
                next()
            }
        }
        await bench.end()
        var findings: [Finding] = []
        var models: Set<String>? = asksServers ? [] : nil
        for index in configuration.backends.indices {
            guard let result = results[index] else { continue }
            findings += result.findings
            if let own = result.models { models?.formUnion(own) } else { models = nil }
        }
        return (findings, models)
    }
}
