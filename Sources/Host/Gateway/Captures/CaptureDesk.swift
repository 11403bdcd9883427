import AdapterHost
import Core
import Glibc
import Store
import Synchronization

/// Where captures are kept: in a file that a reload may exchange for another, or nowhere. Callable from any thread; changes come one at
/// a time.
final class CaptureDesk: Sendable {
    /// Milliseconds for which a file may take what waits before another takes its place.
    private static let patience = 1000

    private struct State {
        var store: CaptureStore?
        /// Why there is none though one is wanted, and since when in Unix seconds.
        var problem: (words: String, since: Double)?
    }

    private let state = Mutex(State())
    /// What captures under way and waiting take.
    let room = CaptureRoom()

    /// Nil: none are kept, and no file of earlier ones is there.
    var store: CaptureStore? { state.withLock { $0.store } }

    /// Why nothing is kept though that is wanted; nil: it is, or is not wanted.
    var problem: (words: String, since: Double)? {
        let (store, problem) = state.withLock { ($0.store, $0.problem) }
        return problem
            ?? store.flatMap { store in
                store.problem.map { ("\(store.path): \($0.problem)", $0.since) }
            }
    }

    /// Keeps captures as the configuration says from now on. What was kept before stays readable, and is deleted in its time, also where
    /// no more are wanted. Blocks for as long as another file is still being written, a second at most.
    /// - Parameter tell: for the log.
    func keep(_ captures: Configuration.Captures, tell: @escaping @Sendable (_ isGood: Bool, _ words: String) -> Void) {
        let settings: CaptureStore.Settings?
        do throws(Unusable) {
            settings = try Self.settings(captures)
            state.withLock { $0.problem = nil }
        } catch {
            tell(false, "captures are not kept: \(error.words)")
            state.withLock { $0.problem = (error.words, Clock.preciseWallSeconds()) }
            settings = nil
        }
        let before = store
        if let settings, let before, before.path == settings.path { return before.set(settings) }
        let new = settings.map { CaptureStore($0) }
        state.withLock { $0.store = new }
        before?.finish(milliseconds: Self.patience)
        guard let new else { return }
        if !DetachedThread.start("nexus-captures", { new.run(tell) }) {
            tell(false, "captures are not kept: the system has no thread left")
        }
    }

    private struct Unusable: Error { var words: String }

    /// Nil: nothing is to be kept, and nothing is there.
    private static func settings(_ captures: Configuration.Captures) throws(Unusable) -> CaptureStore.Settings? {
        guard let path = captures.database, !path.isEmpty else {
            if captures.enabled {
                throw Unusable(words: "there is no place for the file; name one ([captures] database)")
            }
            return nil
        }
        var information = stat()
        guard captures.enabled || stat(path, &information) == 0 else { return nil }
        return CaptureStore.Settings(captures, path: path, key: try key(captures))
    }

    private static func key(_ captures: Configuration.Captures) throws(Unusable) -> CaptureKey? {
        guard let name = captures.keyEnv else { return nil }
        let shown = EnvironmentName.shown(name)
        guard let value = getenv(name), value.pointee != 0 else {
            // What was encrypted can still be deleted.
            if !captures.enabled { return nil }
            throw Unusable(
                words: "the variable \(shown) ([captures] key_env) is not set, and nothing is kept unencrypted")
        }
        guard let key = CaptureKey(String(cString: value)) else {
            throw Unusable(
                words: "the variable \(shown) ([captures] key_env) must hold 64 hexadecimal digits, as "
                    + "'openssl rand -hex 32' makes them")
        }
        return key
    }
}
