import Core
import Logging
import NIOCore
import PluginAPI
import Shims
import Synchronization
import Upstream

/// One backend behind an instance of its adapter: what the registry carries, what routing submits to, and what
/// receives the adapter's reports.
///
/// Invariant behind the unchecked Sendable: `instance` and `callbacks` are set in `init`, and `instance` is taken away in `destroy`
/// alone, when nothing is under way and nothing can begin any more (`InstanceUse`); the adapter promises to take calls for
/// different tasks on different threads.
public final class AdapterBackend: BackendDriver, @unchecked Sendable {
    public let identity: BackendIdentity
    public let image: AdapterImage
    let target: UpstreamTarget
    /// Unique over the life of the process.
    let ordinal: Int
    /// Names the adapter in the report of a crash.
    let note: UnsafePointer<nexus_note>
    private(set) var instance: UnsafeMutableRawPointer?
    private let callbacks: BoundCallbacks
    let reports: AdapterReports
    let secrets: Secrets
    /// The options as JSON that people may see; nil: they are none.
    public let shownOptions: [UInt8]?
    /// What must end before the instance may be destroyed.
    let use = InstanceUse()
    /// The end of the instance, once it has been asked for.
    let ending = Mutex<Task<Void, Never>?>(nil)
    let isProbing = Atomic<Bool>(false)
    private let liveTasks = Atomic<Int>(0)
    /// Actions under way.
    private let runs = Mutex<[nexus_task: ActionRun]>([:])

    private static let nextOrdinal = Atomic<Int>(0)

    /// Call it on a thread that may block for a short time.
    package init(
        identity: BackendIdentity, image: AdapterImage, target: UpstreamTarget, apiKeys: [String], options: String,
        secretOptions: [String] = [], registry: Registry, logger: Logger
    ) throws(CreateFailure) {
        self.identity = identity
        self.image = image
        self.target = target
        ordinal = Self.nextOrdinal.add(1, ordering: .relaxed).newValue
        note = CrashNote.make(
            "the adapter \"\(image.type)\" (backend \"\(identity.name)\")", type: image.type, file: image.path,
            hash: image.hash)
        secrets = Secrets(
            apiKeys, options: OptionSecrets.texts(in: options, schema: image.optionsSchema, marked: secretOptions))
        // In another spelling a secret may stand where none is expected.
        shownOptions = ShownOptions.json(options, schema: image.optionsSchema, marked: secretOptions)
            .flatMap(secrets.hidden(inJSON:))
        reports = AdapterReports(id: identity.id, registry: registry, logger: logger, secrets: secrets)
        guard let callbacks = BoundCallbacks(receiver: reports, name: identity.id) else {
            throw CreateFailure(message: "libffi has no memory for callbacks")
        }
        self.callbacks = callbacks
        BackendNames.set(
            ordinal, BackendNames.Entry(adapter: image.type, backend: identity.name, registryID: identity.id))
        do throws(CreateFailure) {
            let before = nexus_note_swap(note)
            defer { nexus_note_swap(before) }
            instance = try Self.create(
                image, callbacks, name: identity.name, url: identity.url, apiKeys: apiKeys, options: options)
        } catch {
            BackendNames.remove(ordinal)
            throw CreateFailure(message: secrets.hidden(in: error.message))
        }
        reports.attach(self)
    }

    public var isUsable: Bool { true }

    // MARK: What is under way

    /// Exchanges and probes under way.
    public var taskCount: Int { liveTasks.load(ordering: .relaxed) }

    /// A task begins; each call is followed by one `taskEnded`. False: the backend is retired, and the task must not begin.
    func taskBegins() -> Bool {
        liveTasks.add(1, ordering: .relaxed)
        pin()
        return !use.isRetired
    }

    func taskEnded() {
        liveTasks.subtract(1, ordering: .relaxed)
        unpin()
    }

    /// Keeps the instance until `unpin`. On any thread.
    func pin() { use.pin() }
    func unpin() { use.unpin() }

    /// Calls `body` with the instance, which is not destroyed meanwhile. Nil if the backend is retired. On any thread.
    func withInstance<Result>(_ body: (UnsafeMutableRawPointer?) -> Result) -> Result? {
        pin()
        defer { unpin() }
        guard !use.isRetired else { return nil }
        return calling { body(instance) }
    }

    /// False if the backend is retired; else the instance lives until `ended`. On any thread.
    func began(_ run: ActionRun) -> Bool {
        pin()
        runs.withLock { $0[run.handle] = run }
        guard !use.isRetired else {
            ended(run)
            return false
        }
        return true
    }

    func ended(_ run: ActionRun) {
        runs.withLock { $0[run.handle] = nil }
        unpin()
    }

    // MARK: The end

    /// From here on nothing new begins: `submit` gives nil, probes end at once, reports do not count. What is under way
    /// goes on, except for actions, which are cancelled.
    public func retire() {
        use.retire()
        reports.retire()
        for run in runs.withLock({ Array($0.values) }) { run.cancel() }
    }

    /// From here on the adapter's calls have no effect.
    func revokeCallbacks() { callbacks.revoke() }

    /// Only when nothing is under way and the callbacks are revoked.
    func destroy() {
        calling { image.functions.destroy(instance) }
        instance = nil
        BackendNames.remove(ordinal)
    }
}
