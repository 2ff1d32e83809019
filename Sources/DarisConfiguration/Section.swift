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

/// Guesses what a misspelt word was meant to be.
package enum Spelling {
    /// Words longer than this are cut before they are compared, which bounds the work.
    private static let longest = 64

    /// The word of `candidates` nearest to `word`, or `nil` if none is near; ties go to the first.
    static func nearest(to word: String, among candidates: [String]) -> String? {
        let word = String(word.prefix(longest)).lowercased()
        let limit = max(2, word.count / 2)
        var best: (word: String, distance: Int)?
        for candidate in candidates {
            let distance = distance(word, candidate.lowercased())
            if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.word
    }

    /// ` did you mean 'x'?` where a candidate is near, else nothing.
    package static func suggestion(for word: String, among candidates: [String]) -> String {
        nearest(to: word, among: candidates).map { " did you mean '\($0)'?" } ?? ""
    }

    /// The edit distance with insertion, deletion, substitution and the exchange of neighbours at cost 1 each
    /// (optimal string alignment), O(n·m).
    static func distance(_ a: String, _ b: String) -> Int {
        let a = Array(a.prefix(longest))
        let b = Array(b.prefix(longest))
        var older = [Int](repeating: 0, count: b.count + 1)
        var old = Array(0...b.count)
        for i in 0..<a.count {
            var new = [i + 1]
            for j in 0..<b.count {
                var cost = min(old[j] + (a[i] == b[j] ? 0 : 1), old[j + 1] + 1, new[j] + 1)
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, older[j - 1] + 1) }
                new.append(cost)
            }
            (older, old) = (old, new)
        }
        return old[b.count]
    }
}
