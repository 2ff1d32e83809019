import Yams

/// A mapping of a file with the keys it may have; an unknown key is an error as soon as the section is opened.
struct Section {
    /// The mapping itself.
    let field: Field
    private let values: [String: Field]

    /// Opens the mapping in `field`; one that was left out has no keys.
    ///
    /// - Parameters:
    ///   - keys: The keys allowed.
    ///   - example: A right mapping, for the error.
    init(_ field: Field, keys: [String], example: String) throws(ConfigurationError) {
        self.field = field
        var values: [String: Field] = [:]
        for (key, value) in try Section.entries(of: field, example: example) {
            guard keys.contains(key.name) else {
                let suggestion = Spelling.suggestion(for: key.name, among: keys)
                throw key.field.error(
                    "unknown key \(key.name.quoted);\(suggestion) allowed \(keys.count == 1 ? "is" : "are") \(keys.joined(separator: ", "))"
                )
            }
            values[key.name] = value
        }
        self.values = values
    }

    /// The value of `key`, if given.
    subscript(key: String) -> Field? { values[key] }

    /// The value of `key`; an error with `example` if it is not given.
    func required(_ key: String, example: String) throws(ConfigurationError) -> Field {
        guard let value = values[key] else { throw field.error("'\(key)' is missing; write for example '\(example)'") }
        return value
    }

    /// The keys and values of a mapping in file order, whatever the keys are.
    ///
    /// The field of a key stands at the key and has the path of the mapping; that of a value has its own path.
    static func entries(
        of field: Field, example: String
    ) throws(ConfigurationError) -> [(key: (name: String, field: Field), value: Field)] {
        if field.isNull { return [] }
        guard let mapping = field.node.mapping else { throw field.error("must be a mapping such as '\(example)'") }
        var entries: [(key: (name: String, field: Field), value: Field)] = []
        var seen: Set<String> = []
        for (keyNode, valueNode) in mapping {
            let key = Field(node: keyNode, file: field.file, path: field.path)
            guard let name = keyNode.scalar?.string else {
                throw key.error("a key must be a word, not a list or mapping")
            }
            // Yams finds keys that are equal as nodes; two with different tags are equal only as words.
            guard seen.insert(name).inserted else { throw key.error("the key \(name.quoted) is given twice; keep one") }
            let path = field.path.isEmpty ? name : "\(field.path).\(name)"
            entries.append(((name, key), Field(node: valueNode, file: field.file, path: path)))
        }
        return entries
    }
}
