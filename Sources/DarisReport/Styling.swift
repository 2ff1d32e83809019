/// How a text is set off: as it is, or with the colours of a terminal. Whoever prints decides; nothing here asks a
/// terminal.
package enum Styling: Hashable, Sendable {
    /// Text alone: for files, pipes and logs.
    case plain
    /// ANSI escape sequences: for terminals.
    case ansi

    /// What a piece of text is.
    enum Role: String {
        case heading = "1"
        case rule = "2"
        case good = "32"
        case bad = "31"
    }

    /// The text as this role is shown. The escape sequences take no columns, so lay the text out first.
    func apply(_ role: Role, to text: String) -> String {
        switch self {
        case .plain: text
        case .ansi: text.isEmpty ? text : "\u{1B}[\(role.rawValue)m\(text)\u{1B}[0m"
        }
    }
}
