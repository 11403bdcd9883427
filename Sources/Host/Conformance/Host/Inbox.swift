import Glibc
import PluginAPI
import Synchronization

/// What other threads want done on a scripted loop.
final class Inbox: Sendable {
    typealias Job = @Sendable (ScriptedLoop) -> Void

    private let state = Mutex<(jobs: [Job], isClosed: Bool)>(([], false))
    private let semaphore = Semaphore()
    let breaches: Breaches

    init(breaches: Breaches) { self.breaches = breaches }

    /// False if the loop takes nothing any more; else the job will be done.
    @discardableResult
    func push(_ job: @escaping Job) -> Bool {
        let isTaken = state.withLock { state in
            if !state.isClosed { state.jobs.append(job) }
            return !state.isClosed
        }
        semaphore.signal()
        return isTaken
    }

    func take() -> [Job] {
        state.withLock { state in
            defer { state.jobs = [] }
            return state.jobs
        }
    }

    /// The last jobs; there will be no more.
    func close() -> [Job] {
        state.withLock { $0.isClosed = true }
        return take()
    }

    /// False if nothing came in time.
    func wait(milliseconds: Int) -> Bool { semaphore.wait(milliseconds: milliseconds) }

    // MARK: Handles

    /// Handles say whose loop they belong to and what they are: the loop in the upper 16 bits, the kind in the next 4, and
    /// a number that never comes again, so that a stale handle finds nothing.
    enum Handle {
        static let task: UInt64 = 1
        static let request: UInt64 = 2
        static let timer: UInt64 = 3
        /// Of no loop: the loop's bits are 0.
        static let action: UInt64 = 4

        static func make(loop: Int, kind: UInt64, number: UInt64) -> UInt64 {
            UInt64(loop & 0xFFFF) << 48 | kind << 44 | number
        }

        static func loop(_ handle: UInt64) -> Int { Int(handle >> 48) }
        static func kind(_ handle: UInt64) -> UInt64 { handle >> 44 & 0xF }
    }

    private static let all = Mutex<(next: Int, inboxes: [Int: Inbox])>((1, [:]))

    static func register(_ inbox: Inbox) -> Int {
        all.withLock { all in
            defer { all.next += 1 }
            all.inboxes[all.next & 0xFFFF] = inbox
            return all.next & 0xFFFF
        }
    }

    static func remove(_ index: Int) { all.withLock { all in all.inboxes[index] = nil } }

    static func owning(_ handle: UInt64) -> Inbox? {
        all.withLock { $0.inboxes[Handle.loop(handle)] }
    }
}

/// The scripted loop that the calling thread is, while it is in one.
enum LoopThread {
    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        pthread_key_create(&key, nil)
        return key
    }()

    static var loop: ScriptedLoop? {
        pthread_getspecific(key).map { Unmanaged<ScriptedLoop>.fromOpaque($0).takeUnretainedValue() }
    }

    static func bind(_ loop: ScriptedLoop?) {
        pthread_setspecific(key, loop.map { UnsafeRawPointer(Unmanaged.passUnretained($0).toOpaque()) })
    }
}
