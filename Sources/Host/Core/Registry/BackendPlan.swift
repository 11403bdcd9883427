/// What has to be done so that the backends which run are those which are wanted: the pure part of a reload.
public enum BackendPlan {
    /// A backend, and which version of its adapter stands behind it.
    public struct Part: Sendable, Equatable {
        public var definition: Configuration.Backend
        /// Different for each image that was ever loaded; nil: no adapter of the type is there.
        public var image: Int?
        /// It could not be made, and shows why.
        public var isFailed: Bool

        public init(definition: Configuration.Backend, image: Int?, isFailed: Bool = false) {
            self.definition = definition
            self.image = image
            self.isFailed = isFailed
        }
    }

    public enum Step: Sendable, Equatable {
        /// A new one.
        case add(Configuration.Backend)
        /// What routing looks at has changed, and nothing that the adapter knows: the instance stays.
        case relabel(Configuration.Backend)
        /// A new instance takes over. `keepsState`: it stands for the same server, so health, models and figures stay.
        case replace(Configuration.Backend, keepsState: Bool)
        /// Its adapter is gone: it takes nothing new, ends what it has, and shows why.
        case withdraw(Configuration.Backend)
        /// It is not wanted any more: it takes nothing new, ends what it has, and goes.
        case remove(id: String)
    }

    /// In the order in which they are to be done: what comes before what goes, so that a renamed backend leaves no gap.
    /// Backends for which nothing has changed are not mentioned.
    public static func steps(running: [Part], wanted: [Part]) -> [Step] {
        var steps: [Step] = []
        for part in wanted {
            let definition = part.definition
            guard let before = running.first(where: { $0.definition.name == definition.name }) else {
                steps.append(.add(definition))
                continue
            }
            if before.isFailed || !before.definition.hasSameInstance(as: definition) || before.image != part.image {
                if part.image == nil, !before.isFailed {
                    steps.append(.withdraw(definition))
                } else {
                    steps.append(
                        .replace(
                            definition, keepsState: !before.isFailed && before.definition.hasSameServer(as: definition))
                    )
                }
            } else if before.definition != definition {
                steps.append(.relabel(definition))
            }
        }
        for part in running where !wanted.contains(where: { $0.definition.name == part.definition.name }) {
            steps.append(.remove(id: part.definition.name))
        }
        return steps
    }
}

extension Configuration.Backend {
    /// An instance that was made for one serves for the other.
    fileprivate func hasSameInstance(as other: Self) -> Bool {
        hasSameServer(as: other) && apiKeyEnv == other.apiKeyEnv && options == other.options
            && secretOptions == other.secretOptions && timeouts.connect == other.timeouts.connect
    }

    fileprivate func hasSameServer(as other: Self) -> Bool { type == other.type && url == other.url }
}
