/// What is wrong in a task set, where, and what would be right.
///
/// ```
/// overload.yaml:7:12: tasks[1].rate: '20 Hertz' is not a rate; write for example '20 Hz'
/// ```
package struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file's name as the user gave it; `nil` for values that come from the command line.
    package var file: String?
    /// The line, from 1; `nil` if the whole file is meant.
    package var line: Int?
    /// The column, from 1, counted in Unicode scalars; `nil` if the whole file is meant.
    package var column: Int?
    /// The path of the field, such as `tasks[1].rate`, or the name of an option, such as `--load`; may be empty.
    package var field: String
    /// One sentence: what is wrong, and what would be right.
    package var message: String

    /// An error at a place; whatever is unknown of the place stays out of the description.
    package init(file: String? = nil, line: Int? = nil, column: Int? = nil, field: String = "", message: String) {
        self.file = file
        self.line = line
        self.column = column
        self.field = field
        self.message = message
    }

    /// `file:line:column: field: message` in one line.
    package var description: String {
        var place = ""
        if let file {
            place += file
            if let line {
                place += ":\(line)"
                if let column { place += ":\(column)" }
            }
            place += ": "
        }
        if !field.isEmpty { place += "\(field): " }
        return place + message
    }
}

extension String {
    /// This text in quotation marks as it can stand in a one-line message: clipped, with control characters escaped.
    var quoted: String { "'\(escaped(limit: 60))'" }

    /// This text with control characters escaped, clipped to `limit` characters.
    func escaped(limit: Int = .max) -> String {
        var result = ""
        for (position, scalar) in unicodeScalars.enumerated() {
            guard position < limit else {
                result += "…"
                break
            }
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate:
                result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
