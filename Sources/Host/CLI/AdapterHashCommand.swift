import ArgumentParser
import Config
import Core
import Gateway
import Glibc

struct AdapterHashCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hash", abstract: "Print the lines of files for the list of those that may be loaded.",
        discussion:
            "They go below [adapters.allow] in the configuration: the name of the file and the SHA-256 of what is in it. "
            + "Nothing of a file is run. Ends with status 1 if a file cannot be read.")

    @Argument(help: "Files (.so).") var files: [String]

    func run() throws {
        var isComplete = true
        for file in files {
            do throws(Gateway.HashFailure) {
                let hash = try Gateway.adapterHash(of: file)
                print("\(TOMLText.quoted(AdapterRules.name(of: file))) = \"\(hash.text)\"")
            } catch {
                isComplete = false
                _ = fail("\(file) \(error)")
            }
        }
        if !isComplete { throw ExitCode(1) }
    }
}
