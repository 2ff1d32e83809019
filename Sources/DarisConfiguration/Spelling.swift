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
