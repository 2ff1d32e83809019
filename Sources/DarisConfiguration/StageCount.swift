/// Into how many stages a model is cut.
public enum StageCount: Hashable, Sendable, Codable {
    /// This many, 1 to 64.
    case fixed(Int)
    /// As many as suit the model, chosen when it is loaded.
    case auto
}
