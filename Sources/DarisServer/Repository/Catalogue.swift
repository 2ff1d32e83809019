/// A version of a model that is there, but not served.
package struct UnavailableModel: Sendable, Hashable {
    /// What clients would call it.
    package var name: String
    /// Its version.
    package var version: String
    /// Why it is not served, for clients and operators; a sentence without a full stop.
    package var reason: String

    /// The version of a model of which there is one.
    package static let onlyVersion = "1"

    /// A model that is not served.
    package init(name: String, version: String = UnavailableModel.onlyVersion, reason: String) {
        self.name = name
        self.version = version
        self.reason = reason
    }
}

/// The models that there are, by name and version: those that are served, and those that are not with the reason.
struct Catalogue: Sendable {
    /// The versions of one model, each in one of the two lists, the oldest first.
    struct Entry: Sendable {
        fileprivate(set) var served: [ServedModel] = []
        fileprivate(set) var unavailable: [UnavailableModel] = []

        fileprivate mutating func remove(_ version: String) {
            served.removeAll { $0.version == version }
            unavailable.removeAll { $0.version == version }
        }

        fileprivate var isEmpty: Bool { served.isEmpty && unavailable.isEmpty }
    }

    private(set) var entries: [String: Entry] = [:]

    init() {}

    /// A catalogue of models; of several with one name and version it has the first.
    init(_ models: [ServedModel], _ unavailable: [UnavailableModel] = []) {
        for model in models where entries[model.name]?.served.contains(where: { $0.version == model.version }) != true {
            put(model)
        }
        for model in unavailable { put(model) }
    }

    /// Serves a version of a model in place of what there was of it, which is returned if it was served.
    @discardableResult
    mutating func put(_ model: ServedModel) -> ServedModel? {
        let former = served(model.name, model.version)
        entries[model.name, default: Entry()].remove(model.version)
        entries[model.name, default: Entry()].served.append(model)
        entries[model.name]?.served.sort { Self.isOlder($0.version, $1.version) }
        return former
    }

    /// Notes why a version of a model is not served from now on; what was served of it is returned.
    @discardableResult
    mutating func put(_ model: UnavailableModel) -> ServedModel? {
        let former = served(model.name, model.version)
        entries[model.name, default: Entry()].remove(model.version)
        entries[model.name, default: Entry()].unavailable.append(model)
        entries[model.name]?.unavailable.sort { Self.isOlder($0.version, $1.version) }
        return former
    }

    /// Forgets a version of a model; what was served of it is returned.
    @discardableResult
    mutating func remove(_ name: String, version: String) -> ServedModel? {
        let former = served(name, version)
        entries[name]?.remove(version)
        if entries[name]?.isEmpty == true { entries[name] = nil }
        return former
    }

    /// The version of a model that is served, if it is.
    func served(_ name: String, _ version: String) -> ServedModel? {
        entries[name]?.served.first { $0.version == version }
    }

    /// All models that are served, by name and version.
    var served: [ServedModel] {
        entries.sorted { $0.key < $1.key }.flatMap(\.value.served)
    }

    /// All that are not.
    var unavailable: [UnavailableModel] {
        entries.sorted { $0.key < $1.key }.flatMap(\.value.unavailable)
    }

    /// The model with a name, in a version; in the latest that takes requests if `nil` or empty.
    func model(_ name: String, version: String?) throws(InferenceError) -> ServedModel {
        guard let entry = entries[name] else { throw InferenceError(.notFound, "there is no model '\(name)'") }
        let wanted = version.flatMap { $0.isEmpty ? nil : $0 }
        if wanted == nil, let latest = entry.served.last(where: \.isReady) ?? entry.served.last { return latest }
        if let wanted, let found = entry.served.first(where: { $0.version == wanted }) { return found }
        if let found = entry.unavailable.last(where: { wanted == nil || $0.version == wanted }) {
            throw InferenceError(.modelNotReady(model: name, reason: found.reason))
        }
        let all = (entry.served.map(\.version) + entry.unavailable.map(\.version)).sorted(by: Self.isOlder)
        throw InferenceError(
            .notFound,
            "model '\(name)' has no version '\(wanted ?? "")'; it has version\(all.count > 1 ? "s" : "") "
                + all.joined(separator: ", "))
    }

    /// Versions are numbers.
    private static func isOlder(_ a: String, _ b: String) -> Bool {
        (Int(a) ?? 0, a) < (Int(b) ?? 0, b)
    }
}
