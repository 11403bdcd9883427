import JSON

/// How much a model is to think, and whether the client is shown what it thought.
struct AnthropicReasoning {
    /// OpenAI's `reasoning_effort`; nil leaves it to the model.
    ///
    /// | request | effort |
    /// |---|---|
    /// | thinking disabled | none |
    /// | thinking enabled, budget below 4096 tokens | low |
    /// | thinking enabled, budget below 16384 tokens | medium |
    /// | thinking enabled, a larger budget | high |
    /// | thinking adaptive, output_config.effort low, medium or high | the same |
    /// | thinking adaptive, output_config.effort xhigh or max | high: many servers know no more |
    /// | all else | nil |
    ///
    /// Effort without thinking is left out: models that cannot think refuse a reasoning effort.
    private(set) var effort: String?
    /// The request has an effort that did not count.
    private(set) var leavesOutEffort = false
    /// The client has asked for thinking, and has not asked to omit it. Others expect text in the first block.
    private(set) var isShown = false

    init(_ request: AnthropicField) throws(ClientError) {
        let asked = try request["output_config"]?.members()["effort"]
        leavesOutEffort = asked != nil
        guard let thinking = request["thinking"] else { return }
        switch try thinking.type() {
        case "disabled":
            effort = "none"
        case "enabled":
            isShown = true
            let budget = try thinking.required("budget_tokens").integer(atLeast: 1)
            effort = budget < 4096 ? "low" : budget < 16384 ? "medium" : "high"
        case "adaptive":
            isShown = true
            if let asked { effort = try Self.effort(asked) }
            leavesOutEffort = false
        case "between_tools": isShown = true
        default:
            throw thinking.refused("the type must be enabled, adaptive, between_tools or disabled.")
        }
        if try thinking["display"]?.string() == "omitted" { isShown = false }
    }

    private static func effort(_ asked: AnthropicField) throws(ClientError) -> String {
        switch try asked.string() {
        case "low": return "low"
        case "medium": return "medium"
        case "high", "xhigh", "max": return "high"
        default: throw asked.refused("must be low, medium, high, xhigh or max.")
        }
    }
}
