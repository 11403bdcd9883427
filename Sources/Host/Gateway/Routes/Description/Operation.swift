/// What a route is for, and what it takes and answers: docs/reference/routes.md and the OpenAPI document are made of it.
struct Operation: Sendable {
    struct Parameter: Sendable {
        enum Place: String, Sendable { case query, header }

        var name: String
        var place = Place.query
        var schema: Schema
        var words: String
        var isRequired = false

        /// `?name`, `?name=true` or `?name=1`.
        static func flag(_ name: String, _ words: String) -> Parameter {
            Parameter(name: name, schema: .flag, words: words)
        }

        static func text(_ name: String, _ words: String, required: Bool = false) -> Parameter {
            Parameter(name: name, schema: .text, words: words, isRequired: required)
        }

        static func count(_ name: String, _ range: ClosedRange<Int>, _ words: String) -> Parameter {
            Parameter(name: name, schema: .counting(range), words: words)
        }

        static func choice(_ name: String, _ choices: [String], _ words: String) -> Parameter {
            Parameter(name: name, schema: .word(choices), words: words)
        }

        static func header(_ name: String, _ words: String) -> Parameter {
            Parameter(name: name, place: .header, schema: .text, words: words)
        }
    }

    struct Body: Sendable {
        var schema: Schema
        var type = "application/json"
        var isRequired = true
    }

    struct Answer: Sendable {
        var status: Int
        var words: String
        /// By media type; empty: it has no body.
        var content: [(type: String, schema: Schema)]

        static func json(_ schema: Schema, status: Int = 200, _ words: String = "As asked for.") -> Answer {
            Answer(status: status, words: words, content: [(type: "application/json", schema: schema)])
        }

        static func other(_ type: String, _ words: String = "As asked for.") -> Answer {
            Answer(status: 200, words: words, content: [(type: type, schema: .text)])
        }

        func or(_ type: String, _ schema: Schema = .text) -> Answer {
            Answer(status: status, words: words, content: content + [(type: type, schema: schema)])
        }
    }

    /// One line.
    var summary: String
    var parameters: [Parameter] = []
    var body: Body?
    var answers: [Answer] = []
    /// Statuses of its own errors, besides those that any route may answer with.
    var errors: [Int] = []
    /// The schema of its errors, where they are not the gateway's.
    var errorName = "Error"
    /// Programs ask for it: it is in the OpenAPI document.
    var isForPrograms = true

    init(
        _ summary: String, takes parameters: [Parameter] = [], body: Body? = nil, _ answers: Answer...,
        errors: [Int] = [],
        told errorName: String = "Error"
    ) {
        self.summary = summary
        self.parameters = parameters
        self.body = body
        self.answers = answers
        self.errors = errors
        self.errorName = errorName
    }

    /// What browsers ask for.
    static func page(_ summary: String) -> Operation {
        var operation = Operation(summary)
        operation.isForPrograms = false
        return operation
    }

    /// What is known, and never served.
    static func refused(_ summary: String) -> Operation { page(summary) }
}
