import AdapterHost
import Core

/// What the command line does with adapters where no gateway runs. Everything here blocks for the disk.
extension Gateway {
    /// Why a file cannot be hashed, to follow its path.
    public struct HashFailure: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// The SHA-256 of a file, read piece by piece.
    public static func adapterHash(of path: String) throws(HashFailure) -> ContentHash {
        do throws(LoadProblem) {
            return try FileHash.of(path)
        } catch {
            throw HashFailure(description: error.description)
        }
    }

    /// Which files may be loaded under a configuration, and by what earlier runs have left.
    /// - Parameter adapters: as configured.
    public static func adapterRules(_ adapters: Configuration.Adapters) -> AdapterRules {
        guard let path = adapters.quarantineFolder, adapters.quarantineAfter > 0 else {
            return AdapterRules(allow: adapters.allow)
        }
        do throws(QuarantineFolder.Failure) {
            let counts = try QuarantineFolder(path: path).read()
            return AdapterRules(
                allow: adapters.allow, quarantine: .files(counts.leftOut(limit: adapters.quarantineAfter)))
        } catch {
            return AdapterRules(allow: adapters.allow, quarantine: .unknown(error.description))
        }
    }

    /// What the list of allowed files says of those that are there, without loading any; nil: there is no list.
    /// - Returns: one line for each file that is not loaded, or is listed and not there, and how many are as listed.
    public static func allowReport(_ adapters: Configuration.Adapters) -> (notes: [String], listed: Int)? {
        guard let list = adapters.allow else { return nil }
        var notes: [String] = []
        var (listed, seen) = (0, Set<String>())
        for path in AdapterFiles.paths(in: adapters.directories) {
            seen.insert(AdapterRules.name(of: path))
            do throws(LoadProblem) {
                let hash = try FileHash.of(path)
                if let refusal = AdapterRules(allow: list).refusal(of: path, hash) {
                    notes.append("\(path) \(refusal.words(path: path, hash))")
                } else {
                    listed += 1
                }
            } catch {
                notes.append("\(path) \(error)")
            }
        }
        notes += list.files.keys.filter { !seen.contains($0) }.sorted().map {
            "\($0) is listed in [adapters.allow], and in none of the directories"
        }
        return (notes, listed)
    }

    /// What came of taking an adapter back where no gateway runs.
    public enum OfflineRelease: Sendable {
        case released([ContentHash])
        /// What has crashed, as "TYPE FILE HASH".
        case unknown([String])
        case failed(String)
    }

    /// - Parameters:
    ///   - name: a type, a file, or the beginning of a hash.
    ///   - folder: where crashes are kept.
    public static func releaseAdapter(_ name: String, in folder: String) -> OfflineRelease {
        do throws(QuarantineFolder.Failure) {
            let folder = QuarantineFolder(path: folder)
            let counts = try folder.read()
            var named = counts.named(name)
            // A record that cannot be read does not say of what it is; the file does.
            if let hash = try? FileHash.of(name), counts.entries[hash] != nil { named.insert(hash) }
            guard !named.isEmpty else {
                return .unknown(
                    counts.entries.sorted { $0.key < $1.key }.map { hash, entry in
                        guard case .record(let record) = entry else { return "\(hash.short) (not readable)" }
                        return "\(record.last.file) (\(record.crashes))"
                    })
            }
            try folder.change([.released(named)], limit: 0)
            return .released(named.sorted())
        } catch {
            return .failed(error.description)
        }
    }
}
