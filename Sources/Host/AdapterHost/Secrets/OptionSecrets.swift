import Core
import Glibc
import JSON

/// Which of a backend's options are secret: what its adapter's schema marks with `"writeOnly": true` (JSON Schema, "Validation",
/// 9.4) or `"format": "password"`, what the operator marks, texts whose names say so, and the variables that options named
/// `..._env` name. Whatever stands below such a place is secret too.
public enum OptionSecrets {
    private struct Place {
        /// Where it stands: `a.b`.
        var name = ""
        var value: JSONValue
        var schemas: [JSONValue]
        var isSecret: Bool
        var isVariable = false
        var depth: Int
    }

    /// - Parameters:
    ///   - options: the JSON text of an object.
    ///   - schema: the adapter's; may be empty.
    ///   - marked: see `SecretOptions`.
    ///   - variable: the value of a variable.
    static func texts(
        in options: String, schema: String, marked: [String],
        variable: (String) -> String? = { getenv($0).map { String(cString: $0) } }
    ) -> [String] {
        var texts: [String] = []
        walk(options, schema: schema, marked: marked) { place in
            switch place.value {
            case .string(let text):
                if place.isSecret || !place.isVariable && isSecretName(place.name) { texts.append(text) }
                if place.isVariable, let value = variable(text) { texts.append(value) }
            case .number(let number): if place.isSecret { texts.append(number.text) }
            case .array, .object, .null, .bool: break
            }
        }
        return texts
    }

    /// Where options stand that are secret themselves, and whose values must not be written down: as above, and those whose
    /// names say so. A variable's name is no secret.
    /// - Returns: places like `options.headers.cookie`, in no order.
    public static func places(in options: String, schema: String, marked: [String]) -> [String] {
        var places: Set<String> = []
        walk(options, schema: schema, marked: marked) { place in
            switch place.value {
            case .string, .number:
                if !place.isVariable, place.isSecret || isSecretName(place.name) { places.insert(place.name) }
            case .array, .object, .null, .bool: break
            }
        }
        return Array(places)
    }

    private static let secretNames: [String] = [
        "apikey", "apitoken", "accesstoken", "accesskey", "secretkey", "authtoken", "password", "passwd", "passphrase",
        "secret", "authorization", "credential", "credentials", "token", "bearer", "cookie",
    ]

    /// By any part of the place: `options.login.password`, `options.password.value`.
    private static func isSecretName(_ place: String) -> Bool {
        place.split(separator: ".").contains { part in
            let part = AdapterKinds.plain(String(part))
            return secretNames.contains { part == $0 || $0.utf8.count >= 5 && part.hasSuffix($0) }
        }
    }

    private static func walk(
        _ options: String, schema: String, marked: [String], _ visit: (Place) -> Void
    ) {
        guard let options = try? JSONValue.parse(options), let object = options.object, !object.isEmpty else { return }
        let schema = schema.isEmpty ? nil : try? JSONValue.parse(schema)
        var open = [
            Place(name: "options", value: options, schemas: schema.map { [$0] } ?? [], isSecret: false, depth: 0)
        ]
        for place in marked {
            open += SecretOptions.values(at: place, of: object).map {
                Place(name: "options.\(place)", value: $0, schemas: [], isSecret: true, depth: 0)
            }
        }
        while var place = open.popLast() {
            guard place.depth <= OptionsSchema.depth else { continue }
            place.schemas = all(place.schemas)
            place.isSecret = place.isSecret || place.schemas.contains(where: isSecret)
            visit(place)
            switch place.value {
            case .array(let items):
                let schemas = place.schemas.compactMap { $0["items"] }
                for item in items { open.append(inner(item, schemas, of: place)) }
            case .object(let object):
                for (name, member) in object.members {
                    var part = inner(member, place.schemas.compactMap { self.schema(of: name, in: $0) }, of: place)
                    part.name += "." + name
                    part.isVariable = name.hasSuffix("_env")
                    open.append(part)
                }
            case .string, .number, .null, .bool: break
            }
        }
    }

    private static func inner(_ value: JSONValue, _ schemas: [JSONValue], of outer: Place) -> Place {
        Place(
            name: outer.name, value: value, schemas: schemas, isSecret: outer.isSecret, isVariable: outer.isVariable,
            depth: outer.depth + 1)
    }

    private static func schema(of name: String, in schema: JSONValue) -> JSONValue? {
        schema["properties"]?[name] ?? schema["additionalProperties"]
    }

    private static func isSecret(_ schema: JSONValue) -> Bool {
        schema["writeOnly"]?.bool == true || schema["format"]?.string == "password"
    }

    /// With the schemas that it is put together from.
    private static func all(_ schemas: [JSONValue]) -> [JSONValue] {
        var all = schemas
        var next = 0
        while next < all.count, all.count < 1000 {
            for key in ["allOf", "anyOf", "oneOf"] { all += all[next][key]?.array ?? [] }
            next += 1
        }
        return all
    }
}
