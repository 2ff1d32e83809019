import Yams

/// A YAML document as nodes with marks, with Yams' errors turned into ours.
enum Document {
    /// Reads UTF-8.
    ///
    /// - Throws: An error at the first byte that is not UTF-8, and those of `root(of:file:)`.
    static func root(of bytes: [UInt8], file: String) throws(ConfigurationError) -> Field {
        try root(of: try text(of: bytes, file: file), file: file)
    }

    /// Reads a text; the root is a null scalar if there is nothing in it.
    static func root(of text: String, file: String) throws(ConfigurationError) -> Field {
        guard text.utf8.count <= Limits.fileBytes else { throw SourceFile.Kind.taskSet.tooLarge(file: file) }
        // libYAML would count a byte order mark as a column, which shifts the indentation of the first line.
        let text = text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
        try refuseExpansion(in: text, file: file)
        do {
            // Without the resolver's rules every scalar stays text: what it means is decided by the field it is in.
            let node = try Yams.compose(yaml: text, .basic, .default, .utf8)
            return Field(node: node ?? Node(""), file: file, path: "")
        } catch let error as YamlError {
            throw translated(error, text: text, file: file)
        } catch {
            throw ConfigurationError(file: file, message: "not valid YAML: \(error)")
        }
    }

    private static func text(of bytes: [UInt8], file: String) throws(ConfigurationError) -> String {
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        var place = Place()
        while case .scalarValue(let scalar) = decoder.decode(&iterator) { place.advance(over: scalar) }
        throw ConfigurationError(
            file: file, line: place.line, column: place.column, message: "is not UTF-8 here; save the file as UTF-8")
    }

    /// Refuses aliases and deep nesting before the parser meets them.
    ///
    /// A few lines of nested aliases stand for billions of nodes, and Yams walks all of them to compare keys, so they
    /// must not reach it. The search does not know quotes and comments: it finds every alias whose anchor stands
    /// before it, and wrongly only text that looks exactly like both.
    private static func refuseExpansion(in text: String, file: String) throws(ConfigurationError) {
        var anchors: Set<String> = []
        var depth = 0
        var place = Place()
        var previous: Unicode.Scalar = "\n"
        let scalars = text.unicodeScalars
        var index = scalars.startIndex
        while index < scalars.endIndex {
            let scalar = scalars[index]
            let next = scalars.index(after: index)
            switch scalar {
            case "&" where !isAnchorCharacter(previous):
                anchors.insert(String(scalars[next...].prefix(while: isAnchorCharacter)))
            case "*" where !isAnchorCharacter(previous):
                let name = String(scalars[next...].prefix(while: isAnchorCharacter))
                if !name.isEmpty, anchors.contains(name) {
                    throw ConfigurationError(
                        file: file, line: place.line, column: place.column,
                        message: "aliases such as \("*\(name)".quoted) are not supported; write the value out")
                }
            case "[", "{":
                depth += 1
                if depth > Limits.nesting {
                    throw ConfigurationError(
                        file: file, line: place.line, column: place.column,
                        message: "brackets are nested more than \(Limits.nesting) deep; a task set needs 3")
                }
            case "]", "}": depth = max(0, depth - 1)
            default: break
            }
            place.advance(over: scalar)
            previous = scalar
            index = next
        }
    }

    /// The characters libYAML takes for the name of an anchor.
    private static func isAnchorCharacter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "0"..."9", "A"..."Z", "a"..."z", "_", "-": true
        default: false
        }
    }

    private static func translated(_ error: YamlError, text: String, file: String) -> ConfigurationError {
        func invalid(_ problem: String, line: Int? = nil, column: Int? = nil) -> ConfigurationError {
            ConfigurationError(file: file, line: line, column: column, message: "not valid YAML: \(problem)")
        }
        switch error {
        case .composer(_, "but found another document", let mark, _):
            return invalid(
                "found another document; a task set is one document", line: mark.line, column: mark.column)
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            var during = context.map { " \($0.text)" } ?? ""
            // What was never closed is noticed far from where it was opened.
            if let context, context.mark.line < mark.line { during += " from line \(context.mark.line)" }
            let hint = scalar(in: text, at: mark) == "\t" ? "; indent with spaces, not tabs" : ""
            return invalid(problem + during + hint, line: mark.line, column: mark.column)
        case .reader(let problem, let offset, _, _):
            var place = Place()
            if let offset {
                for scalar in text.prefix(offset).unicodeScalars { place.advance(over: scalar) }
            }
            return invalid(problem, line: place.line, column: place.column)
        case .duplicatedKeysInMapping(let duplicates, let context):
            return ConfigurationError(
                file: file, line: context.mark.line, column: context.mark.column,
                message: "the key \((duplicates.first ?? "").quoted) is given twice; keep one")
        case .no, .memory, .writer, .emitter, .representer, .dataCouldNotBeDecoded:
            return invalid("\(error)")
        }
    }

    private static func scalar(in text: String, at mark: Mark) -> Unicode.Scalar? {
        var place = Place()
        for scalar in text.unicodeScalars {
            if place.line == mark.line, place.column == mark.column { return scalar }
            if place.line > mark.line { return nil }
            place.advance(over: scalar)
        }
        return nil
    }
}

/// A line and a column, from 1, counted the way libYAML does.
private struct Place {
    var line = 1
    var column = 1
    private var afterReturn = false

    mutating func advance(over scalar: Unicode.Scalar) {
        switch scalar {
        case "\n" where afterReturn: break
        case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}": (line, column) = (line + 1, 1)
        default: column += 1
        }
        afterReturn = scalar == "\r"
    }
}
