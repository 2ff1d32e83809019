import Foundation
import Synchronization

/// The tokens in a file, one a line, read again when the file has changed.
///
/// A token is compared in the same time whether it is right at its start or wrong, so that it cannot be found out byte by
/// byte.
final class TokenList: Sendable {
    private struct State {
        var tokens: [[UInt8]]
        var modified: Date?
        var checked: ContinuousClock.Instant
    }

    private let path: String
    private let state: Mutex<State>
    private static let mostTokens = 10_000

    /// Reads a file.
    ///
    /// - Throws: `ServerError` if it cannot be read, or holds no token.
    init(path: String) throws(ServerError) {
        self.path = path
        state = Mutex(State(tokens: try Self.read(path), modified: Self.modified(path), checked: .now))
    }

    /// Whether a token is one of the file.
    func contains(_ token: String) -> Bool {
        let given = Array(token.utf8)
        return current().reduce(false) { isKnown, token in Self.isEqual(given, token) || isKnown }
    }

    private func current() -> [[UInt8]] {
        state.withLock { state in
            guard state.checked + .seconds(1) <= .now else { return state.tokens }
            state.checked = .now
            let modified = Self.modified(path)
            // While the file is being written it may be empty or away: what was known stays.
            if modified != state.modified, let tokens = try? Self.read(path) {
                state.tokens = tokens
                state.modified = modified
            }
            return state.tokens
        }
    }

    static func isEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        var difference = a.count ^ b.count
        for index in a.indices { difference |= Int(a[index] ^ (b.isEmpty ? 0 : b[index % b.count])) }
        return difference == 0
    }

    private static func modified(_ path: String) -> Date? {
        (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
    }

    private static func read(_ path: String) throws(ServerError) -> [[UInt8]] {
        let text: String
        do { text = try String(contentsOfFile: path, encoding: .utf8) } catch {
            throw ServerError("the tokens in '\(path)' cannot be read; it must be a file of text")
        }
        let tokens = text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty && !$0.hasPrefix("#") }
        guard !tokens.isEmpty else { throw ServerError("'\(path)' holds no token; write one a line") }
        guard tokens.count <= mostTokens else {
            throw ServerError("'\(path)' holds \(tokens.count) tokens; keep to \(mostTokens)")
        }
        return tokens.map { Array($0.utf8) }
    }
}

/// What keeps a server from serving, in one sentence.
package struct ServerError: Error, Sendable, CustomStringConvertible {
    /// The sentence.
    package let description: String

    /// An error in a sentence.
    package init(_ description: String) { self.description = description }
}
