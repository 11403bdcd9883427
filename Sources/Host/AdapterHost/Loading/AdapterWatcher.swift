import Core
import Glibc
import Shims
import Synchronization

/// Follows the adapter directories: tells when files were added, replaced or removed and have come to rest. inotify(7) makes
/// it prompt; a slow look behind it serves file systems without inotify, and directories that appear later.
///
/// One thread of its own, which ends with `stop`.
public final class AdapterWatcher: Sendable {
    enum Limits {
        /// A change is reported after this many milliseconds without another.
        static let quiet = 200
        /// Milliseconds between two looks, when no event asks for one.
        static let poll = 3000
    }

    private let directories: [String]
    private let changed: @Sendable () -> Void
    private let isStopped = Atomic<Bool>(false)
    private let inotify: CInt
    private let wakeUp: CInt

    /// - Parameter changed: called on the watcher's thread, once for each change; it should return soon.
    public init(directories: [String], changed: @escaping @Sendable () -> Void) {
        self.directories = directories
        self.changed = changed
        inotify = nexus_watch_open()
        wakeUp = nexus_wakeup_open()
    }

    public func start() {
        // What is there now is known before `start` returns.
        let settler = ChangeSettler(told: AdapterFiles.list(directories), quiet: Limits.quiet)
        addWatches()
        DetachedThread.run("nexus-watch") { [self] in run(settler) }
    }

    public func stop() {
        isStopped.store(true, ordering: .releasing)
        nexus_wakeup(wakeUp)
    }

    private func run(_ initial: ChangeSettler<[AdapterFiles.Directory]>) {
        var settler = initial
        while !isStopped.load(ordering: .acquiring) {
            let wait = settler.due(now: Int(Clock.monotonicMilliseconds())) ?? Limits.poll
            // One more millisecond, since poll rounds down and the settler does not.
            let touched = nexus_watch_wait(inotify, wakeUp, CInt(wait + 1))
            let now = Int(Clock.monotonicMilliseconds())
            if touched > 0 { settler.touched(now: now) } else { addWatches() }
            if settler.observe(AdapterFiles.list(directories), now: now) { changed() }
        }
        if inotify >= 0 { close(inotify) }
        if wakeUp >= 0 { close(wakeUp) }
    }

    /// A directory that is watched already is not watched twice (inotify_add_watch(2)).
    private func addWatches() {
        for directory in directories { nexus_watch_add(inotify, directory) }
    }
}
