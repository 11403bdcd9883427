import ArgumentParser
import Core
import Glibc
import Import

extension SourceKind: ExpressibleByArgument {}

extension ConfigCommand {
    struct Import: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a configuration of another gateway's.",
            discussion:
                "Takes config.yaml of LiteLLM, llama-swap and Olla, and nexus.toml of the Nexus that is written in Rust; which of them it "
                + "is shows in the file. What has no counterpart here stands in the result as a comment. Keys that stand in the file "
                + "as plain text are not copied: it is said which variables to set. docs/moving-in.md tells more.")

        @Argument(help: "The other gateway's configuration.") var file: String
        @Option(help: "Whose it is, if that does not show: litellm, llama-swap, olla or nexus-rust.") var from:
            SourceKind?
        @Option(name: .shortAndLong, help: "File to write; default: standard output.") var output: String?
        @Flag(help: "Overwrite the file if it is there.") var force = false

        func run() throws {
            let imported = try imported()
            guard let output else {
                guard FileBytes.write(Array(imported.text.utf8), to: STDOUT_FILENO) else {
                    throw fail("standard output was not written: \(String(cString: strerror(errno)).lowercased())")
                }
                return tell(imported, to: STDERR_FILENO)
            }
            guard !isSame(output, file) else {
                throw fail("\(output) was not written: it is the file that was read, which would be lost; name another")
            }
            guard FileBytes.write(Array(imported.text.utf8), to: output, exclusive: !force) else {
                let reason =
                    errno == EEXIST
                    ? "it is there already; use --force to overwrite it" : String(cString: strerror(errno)).lowercased()
                throw fail("\(output) was not written: \(reason)")
            }
            tell(imported, to: STDOUT_FILENO)
        }

        private func imported() throws -> ImportedFile {
            let bytes: [UInt8]
            do throws(FileBytes.Failure) {
                bytes = try FileBytes.read(file, limit: Importer.sizeLimit, patience: FileBytes.pipePatience)
            } catch {
                throw fail("\(file) cannot be read: \(error)")
            }
            guard let text = String(validating: bytes, as: UTF8.self) else { throw fail("\(file) is not UTF-8") }
            do throws(ImportProblem) {
                return try Importer.read(text, kind: from, environment: environmentVariables())
            } catch {
                throw fail("\(file): \(error)")
            }
        }

        /// What to do next; beside the configuration where that goes to standard output.
        private func tell(_ imported: ImportedFile, to descriptor: CInt) {
            let backends = Counted.words(Int64(imported.backends), "backend")
            var lines = [
                "\(output ?? "the configuration") was made of \(file) (\(imported.kind.rawValue)): \(backends)"
            ]
            if imported.remarks > 0 {
                lines.append(
                    "\(Counted.words(Int64(imported.remarks), "remark")) at its end: what is different here, or has no counterpart"
                )
            }
            for secret in imported.secrets {
                lines.append(
                    "set \(secret.variable): its value stands in \(file), line \(secret.line) (\(secret.path))")
            }
            lines.append("next: nexus config check --config \(output ?? "FILE")")
            _ = FileBytes.write(Array((lines.joined(separator: "\n") + "\n").utf8), to: descriptor)
        }

        private func isSame(_ one: String, _ other: String) -> Bool {
            var (first, second) = (stat(), stat())
            return stat(one, &first) == 0 && stat(other, &second) == 0 && first.st_dev == second.st_dev
                && first.st_ino == second.st_ino
        }
    }
}
