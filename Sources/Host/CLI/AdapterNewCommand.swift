import ArgumentParser
import Glibc
import Scaffold

extension Scaffold.Language: ExpressibleByArgument {}
extension Scaffold.ServerProtocol: ExpressibleByArgument {}

extension AdapterCommand {
    struct New: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the project of a new adapter: small, working, yours to change.",
            discussion:
                "It builds with `make`, and speaks to any server with OpenAI's API; with --protocol custom it is for servers "
                + "that speak another one, and translates. NAME becomes the backend type.")

        /// Types of the adapters in Plugins.
        private static let shipped = ["ollama", "openai"]

        @Argument(help: "Name of the adapter: small letters, digits, - and _.") var name: String
        @Option(name: .customLong("lang"), help: "The language.") var language: Scaffold.Language
        @Option(name: .customLong("protocol"), help: "What its servers speak: OpenAI's API, or another protocol.")
        var spoken = Scaffold.ServerProtocol.openai
        @Option(help: "Folder of the project, which must not be there yet; default: NAME.") var directory: String?

        func run() throws {
            let files: [Scaffold.File]
            do throws(Scaffold.BadName) {
                files = try Scaffold.files(name: name, language: language, protocol: spoken)
            } catch {
                throw usage(error.description)
            }
            // Of two with one type only the first is in use.
            guard !Self.shipped.contains(name) else {
                throw usage("the type \"\(name)\" is that of an adapter that comes with Nexus; choose another name")
            }
            let folder = directory ?? name
            do throws(ProjectFolder.Failure) {
                try ProjectFolder.write(files.map { ($0.path, $0.text) }, to: folder)
            } catch {
                throw fail(error.description)
            }
            print(
                """
                \(folder) was written. Next:
                  cd \(folder)
                  make                                    # gives build/\(name).so
                  make check                              # does it keep the rules?
                  nexus adapters list --adapters-dir build
                README.md says how to go on.
                """)
        }
    }
}

/// Writes a folder of files whole or not at all.
enum ProjectFolder {
    struct Failure: Error, CustomStringConvertible {
        let description: String

        init(_ path: String, _ reason: String) { description = "\(path) was not written: \(reason)" }
        init(_ path: String, errno code: CInt) { self.init(path, String(cString: strerror(code)).lowercased()) }
    }

    /// The files are written into a new folder beside the wanted one, which gets its name at the end.
    static func write(_ files: [(path: String, text: String)], to wanted: String) throws(Failure) {
        var folder = wanted
        while folder.count > 1, folder.hasSuffix("/") { folder.removeLast() }
        var status = stat()
        guard !folder.isEmpty else { throw Failure(wanted, "it has no name") }
        guard lstat(folder, &status) != 0 else {
            throw Failure(folder, "it is there already; name another one with --directory")
        }
        let hidden = "\(folder).new-\(getpid())"
        guard mkdir(hidden, 0o777) == 0 else {
            if errno == ENOENT { throw Failure(folder, "the folder it should be in is not there") }
            throw Failure(folder, errno: errno)
        }
        var made: [String] = []
        do throws(Failure) {
            for file in files {
                try makeFolders(of: file.path, in: hidden, &made)
                try write(Array(file.text.utf8), to: hidden + "/" + file.path)
                made.append(hidden + "/" + file.path)
            }
            // Of two at once one wins: a folder with files in it is not replaced.
            guard rename(hidden, folder) == 0 else { throw Failure(folder, errno: errno) }
        } catch {
            for path in made.reversed() { remove(path) }
            rmdir(hidden)
            throw error
        }
    }

    private static func makeFolders(of path: String, in folder: String, _ made: inout [String]) throws(Failure) {
        var name = folder
        for part in path.split(separator: "/").dropLast() {
            name += "/" + part
            if mkdir(name, 0o777) == 0 {
                made.append(name)
            } else if errno != EEXIST {
                throw Failure(name, errno: errno)
            }
        }
    }

    private static func write(_ bytes: [UInt8], to path: String) throws(Failure) {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard file >= 0 else { throw Failure(path, errno: errno) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            guard count > 0 else {
                let reason = errno
                close(file)
                unlink(path)
                throw Failure(path, errno: reason)
            }
            rest = rest.dropFirst(count)
        }
        guard close(file) == 0 else {
            let reason = errno
            unlink(path)
            throw Failure(path, errno: reason)
        }
    }
}
