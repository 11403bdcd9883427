import ArgumentParser
import Config
import Core
import Glibc
import Terminal

struct CertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cert", abstract: "Certificates, so that clients reach the gateway over https.",
        subcommands: [SelfSignedCommand.self])

    struct SelfSignedCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "self-signed",
            abstract: "Make a certificate for a home network, and its key.",
            discussion:
                "It is for the names and addresses of this machine and those of --host. Nobody has signed it, so that each "
                + "client has to be told to trust it. Uses the program 'openssl'. See docs/tls.md.")

        @Option(help: "A further name or address under which clients reach the gateway; may be repeated.")
        var host: [String] = []
        @Option(help: "Days for which it is good.") var days = SelfSigned.Limits.days
        @Option(
            name: [.customShort("o"), .long],
            help: "Folder for nexus-cert.pem and nexus-key.pem; it is made if it is not there.")
        var out = "."
        @Flag(help: "Replace the files if they are there. A gateway that uses them takes the new ones within seconds.")
        var force = false

        private static let certificateName = "nexus-cert.pem"
        private static let keyName = "nexus-key.pem"

        func run() throws {
            guard SelfSigned.Limits.possibleDays.contains(days) else {
                throw usage("--days must be a whole number from 1 to \(SelfSigned.Limits.possibleDays.upperBound)")
            }
            let wanted: SelfSigned
            do throws(SelfSigned.BadName) {
                // A machine may be called what no host is.
                let own = MachineNames.all.filter { (try? SelfSigned([$0])) != nil }
                _ = try SelfSigned(host)
                wanted = try SelfSigned(host + own)
            } catch {
                throw usage("--host: \(error)")
            }
            if mkdir(out, 0o755) != 0, errno != EEXIST { throw failure("\(out) cannot be made") }
            guard
                let folder = realpath(out, nil).map({ path in
                    defer { free(path) }
                    return String(cString: path)
                })
            else { throw failure("\(out) cannot be used") }
            let (certificate, key) = (folder + "/" + Self.certificateName, folder + "/" + Self.keyName)
            for path in [certificate, key] where !force && access(path, F_OK) == 0 {
                throw fail("\(path) is there already; --force replaces it, --out names another folder")
            }
            try make(wanted, certificate: certificate, key: key, in: folder)
            tell(wanted, certificate: certificate, key: key)
        }

        private func failure(_ words: String) -> ExitCode {
            fail("\(words): \(String(cString: strerror(errno)).lowercased())")
        }

        /// Both are there in the end, or none: they are made in a folder that nobody else sees, and moved from there.
        private func make(_ wanted: SelfSigned, certificate: String, key: String, in folder: String) throws {
            var name = Array("\(folder)/.nexus-cert-XXXXXX".utf8CString)
            guard mkdtemp(&name) != nil else { throw failure("\(folder) cannot be written") }
            let hidden = String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
            let files = ["openssl.cnf", "said", "key", "certificate"].map { "\(hidden)/\($0)" }
            defer {
                for file in files { unlink(file) }
                rmdir(hidden)
            }
            guard FileBytes.write(Array(wanted.configuration.utf8), to: files[0], exclusive: true) else {
                throw failure("\(files[0]) was not written")
            }
            do throws(OpenSSLProgram.Failure) {
                try OpenSSLProgram.run(
                    SelfSigned.arguments(configuration: files[0], key: files[2], certificate: files[3], days: days),
                    said: files[1])
            } catch {
                throw fail(error.words)
            }
            guard chmod(files[2], 0o600) == 0, chmod(files[3], 0o644) == 0 else { throw failure("\(hidden)") }
            SecretOwner.at(key).take(path: files[2])
            guard put(files[2], key) else { throw failure("\(key) was not written") }
            guard put(files[3], certificate) else {
                let error = failure("\(certificate) was not written")
                // Without its certificate it is of no use, and in the way of the next try.
                if !force { unlink(key) }
                throw error
            }
        }

        /// What is there already is replaced only if that is meant, however late it came.
        private func put(_ file: String, _ path: String) -> Bool {
            force ? rename(file, path) == 0 : link(file, path) == 0
        }

        private func tell(_ made: SelfSigned, certificate: String, key: String) {
            print(
                """
                Made for \((made.hosts + made.addresses).joined(separator: ", ")); good for \(days) days.
                \(certificate)
                \(key) (keep it to yourself)
                \(SecretOwner.readers(of: key).map { $0 + ".\n" } ?? "")
                Put this into nexus.toml, and have the gateway read it ('nexus config reload'):

                [server]
                tls_certificate = \(TOMLText.quoted(certificate))
                tls_key = \(TOMLText.quoted(key))

                Clients have to trust \(Self.certificateName): curl --cacert, SSL_CERT_FILE for Python, NODE_EXTRA_CA_CERTS for Node.
                """)
        }
    }
}
