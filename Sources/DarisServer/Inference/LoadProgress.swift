/// How far a server is that loads its models.
package struct LoadProgress: Hashable, Sendable, CustomStringConvertible {
    /// The model that is being loaded, from 1; 0 before the first.
    var number = 0
    /// All models that are to be loaded, if it is known.
    var total = 0
    /// What is being done. It names no files: clients hear of it.
    var step: String?

    /// In words, for clients.
    package var description: String {
        let models = total > 0 ? "loading \(number) of \(total) models" : "loading models"
        return step.map { "\(models): \($0)" } ?? models
    }
}
