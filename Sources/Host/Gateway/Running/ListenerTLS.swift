import AdapterHost
import Core
import NIOSSL
import Synchronization

/// The TLS that connections of clients begin with. It follows the files: a new certificate counts for new connections, those that
/// are there go on with what they began with. What cannot be used changes nothing, and is tried again. Callable from any thread.
final class ListenerTLS: Sendable {
    /// What a connection begins with.
    struct Terms: Sendable {
        let context: NIOSSLContext
        /// The number of the authorities whose certificates make an operator: another one for others, never the same again;
        /// nil: no certificate is asked for.
        let authorities: UInt64?
    }

    /// What operators are shown.
    struct Standing: Sendable {
        var name: String
        /// Unix seconds.
        var expires: Int64
        var asksForCertificates: Bool
        /// Why what the files hold now is not used; nil: it is.
        var problem: String?
        /// Of the problem, in Unix seconds.
        var since: Double
    }

    /// What came of reading the files again.
    enum Event: Sendable, Equatable {
        /// For the log.
        case taken(String, changesAuthorities: Bool)
        /// It stays as it was, for this reason, which was not told before.
        case kept(String)
    }

    /// What a reload has found where other files are named, or none.
    enum Change: Sendable {
        case files(ListenerCertificate)
        case off
        /// The same as before.
        case none
    }

    private struct Current {
        var certificate: ListenerCertificate?
        var terms: Terms?
        var authorities: UInt64 = 0
        var problem: (words: String, since: Double)?
    }

    /// Held for as long as it takes to copy something: connections that begin ask for it.
    private let current: Mutex<Current>
    /// Held while files are read, so that one look follows another.
    private let watch = Mutex<CertificateWatch<[FileStamp?]>?>(nil)

    /// - Throws: `PEMFile.Unusable`.
    init(_ server: Configuration.Server) throws {
        current = Mutex(Current())
        guard let files = ListenerCertificate.Files(server) else { return }
        _ = apply(.files(try ListenerCertificate(files, patience: FileBytes.pipePatience)))
    }

    /// Without TLS.
    init() { current = Mutex(Current()) }

    /// For a connection that begins now; nil: it is not over TLS.
    var terms: Terms? { current.withLock { $0.terms } }

    /// Of the certificate in force; nil: there is none.
    var standing: Standing? {
        current.withLock { current in
            current.certificate.map {
                Standing(
                    name: $0.name, expires: $0.expires, asksForCertificates: $0.authorities != nil,
                    problem: current.problem?.words, since: current.problem?.since ?? 0)
            }
        }
    }

    // MARK: The files

    /// Looks whether the files have changed, and takes what they hold. Blocks for as long as the disk takes.
    /// - Parameter isAsked: an operator wants to know now: files that have changed, or could not be used, are read at once.
    /// - Returns: nil: there is no news.
    func look(isAsked: Bool = false) -> Event? {
        watch.withLock { watch in
            guard let before = current.withLock({ $0.certificate }), var looking = watch else { return nil }
            defer { watch = looking }
            let (now, stamps) = (Clock.monotonicMilliseconds(), before.files.stamps)
            let isDue = looking.look(stamps, now: now)
            guard isDue || isAsked && (stamps != looking.read || looking.problem != nil) else { return nil }
            do throws(PEMFile.Unusable) {
                let new = try ListenerCertificate(before.files)
                let isNews = looking.didRead(stamps, problem: nil, now: now)
                // Touched, and the same as before: tickets of earlier connections stay good.
                guard new.digest != before.digest else {
                    current.withLock { $0.problem = nil }
                    return isNews ? .taken(Self.words(before), changesAuthorities: false) : nil
                }
                return .taken(Self.words(new), changesAuthorities: put(new))
            } catch {
                let isNews = looking.didRead(stamps, problem: error.description, now: now)
                current.withLock { $0.problem = (error.description, $0.problem?.since ?? Clock.preciseWallSeconds()) }
                return isNews ? .kept(error.description) : nil
            }
        }
    }

    /// What a configuration says. Blocks for as long as the disk takes.
    func change(to server: Configuration.Server) throws(PEMFile.Unusable) -> Change {
        let files = ListenerCertificate.Files(server)
        guard files != current.withLock({ $0.certificate?.files }) else { return .none }
        guard let files else { return .off }
        return .files(try ListenerCertificate(files))
    }

    /// Puts it in force.
    func apply(_ change: Change) -> Event? {
        watch.withLock { watch in
            switch change {
            case .none: return nil
            case .off:
                watch = nil
                // Its number is not given again.
                current.withLock { $0 = Current(authorities: $0.authorities) }
                return .taken("clients that connect from now on are not served over TLS", changesAuthorities: true)
            case .files(let new):
                watch = CertificateWatch(read: new.stamps, now: Clock.monotonicMilliseconds())
                return .taken(Self.words(new), changesAuthorities: put(new))
            }
        }
    }

    /// - Returns: other clients are operators now.
    private func put(_ new: ListenerCertificate) -> Bool {
        current.withLock { current in
            let isOther = new.authorities != current.certificate?.authorities
            if isOther { current.authorities += 1 }
            current.terms = Terms(
                context: new.context, authorities: new.authorities == nil ? nil : current.authorities)
            current.certificate = new
            current.problem = nil
            return isOther
        }
    }

    private static func words(_ new: ListenerCertificate) -> String {
        let name = EntryLimits.cut(new.name, to: 100)
        return "clients that connect from now on are shown the certificate \(name.isEmpty ? "" : "of \(name) ")in "
            + "\(new.files.certificate), which is good until \(Timestamp.text(seconds: Double(new.expires)))"
    }
}
