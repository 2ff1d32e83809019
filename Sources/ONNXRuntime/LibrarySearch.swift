#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The places to look for the ONNX Runtime library, in order:
///
/// 1. what `DARIS_ONNXRUNTIME` names, a file or a folder; if it is set, the other places are not searched,
/// 2. the executable's folder, and `lib/daris` and `lib` beside it,
/// 3. `runtime` in a package's folder, for an executable that was built there (in `.build`),
/// 4. the system's libraries.
///
/// Opening a library runs its code. So a library of 2 or 3 is passed over if users other than this one and the
/// administrator may have written it or its folder. The current folder is never searched.
package struct LibrarySearch: Sendable {
    /// A file or a folder that must be used, or `nil`.
    package var override: String?
    /// The folder of the executable, or `nil` to skip it.
    package var executableFolder: String?
    /// Whether to ask the system's loader last.
    package var usesSystemLoader: Bool

    /// A search in these places.
    package init(override: String? = nil, executableFolder: String? = nil, usesSystemLoader: Bool = false) {
        self.override = override
        self.executableFolder = executableFolder
        self.usesSystemLoader = usesSystemLoader
    }

    /// The search from this process's environment and executable.
    package static var process: LibrarySearch {
        let executable = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let override = ProcessInfo.processInfo.environment["DARIS_ONNXRUNTIME"]
        return LibrarySearch(
            override: override == "" ? nil : override, executableFolder: executable.map(folder(of:)),
            usesSystemLoader: true)
    }

    /// The names under which the system's loader may know the library.
    static let systemNames = ["libonnxruntime.so", "libonnxruntime.so.1"]

    /// The place where a library was found.
    package enum Origin: String, Sendable {
        /// `DARIS_ONNXRUNTIME` names it.
        case override = "named by DARIS_ONNXRUNTIME"
        /// It lies beside the program, or where a package puts it.
        case program = "beside the program"
        /// It lies in the folder of the package that the program was built in.
        case ownBuild = "of the project's own build"
        /// The system's loader knows it.
        case system = "known to the system"
    }

    /// The result of the search in the folders.
    struct Result: Equatable {
        /// The library's path, or `nil` if it is in none of the folders.
        var path: String?
        var origin = Origin.program
        /// Libraries that must not be used, each with the reason.
        var passedOver: [String] = []
    }

    /// The places searched, for a message.
    var places: [String] {
        var places = folders.map(\.path)
        if usesSystemLoader { places.append("the system's libraries") }
        return places
    }

    private var folders: [(path: String, origin: Origin)] {
        guard let executableFolder else { return [] }
        var folders: [(path: String, origin: Origin)] = ["", "/../lib/daris", "/../lib"].map {
            (executableFolder + $0, .program)
        }
        if let package = Self.package(around: executableFolder) { folders.append((package + "/runtime", .ownBuild)) }
        return folders
    }

    /// Searches the folders only, not the system's libraries.
    func find() throws(ONNXRuntimeError) -> Result {
        if let override { return Result(path: try Self.resolve(override: override), origin: .override) }
        var result = Result()
        for (folder, origin) in folders {
            guard let library = Self.library(in: folder) else { continue }
            // A user who may write the package's folder may replace its `runtime`.
            let checked = [library, folder] + (origin == .ownBuild ? [Self.folder(of: folder)] : [])
            let problem = checked.lazy.compactMap { path in
                FileOwnership(path: path)?.problem(trustsRoot: true).map { "\(path) \($0)" }
            }.first
            guard let problem else {
                result.path = library
                result.origin = origin
                return result
            }
            result.passedOver.append(problem)
        }
        return result
    }

    /// The folder of the package whose `.build` contains `folder`.
    private static func package(around folder: String) -> String? {
        guard let build = (folder + "/").range(of: "/.build/") else { return nil }
        let package = String(folder[..<build.lowerBound])
        return FileManager.default.fileExists(atPath: package + "/Package.swift") ? package : nil
    }

    private static func resolve(override: String) throws(ONNXRuntimeError) -> String {
        var isFolder = false
        guard FileManager.default.fileExists(atPath: override, isDirectory: &isFolder) else {
            throw .overrideUnusable(value: override, reason: "nothing is there")
        }
        guard isFolder else { return override.contains("/") ? override : "./" + override }
        guard let library = library(in: override) else {
            throw .overrideUnusable(value: override, reason: "that folder has no libonnxruntime.so")
        }
        return library
    }

    /// The library in a folder: `libonnxruntime.so`, else the one with the highest version in its name.
    private static func library(in folder: String) -> String? {
        let plain = folder + "/libonnxruntime.so"
        if FileManager.default.fileExists(atPath: plain) { return plain }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let versions = names.filter { $0.hasPrefix("libonnxruntime.so.") }.map { name in
            (name, name.dropFirst("libonnxruntime.so.".count).split(separator: ".").map { Int($0) ?? 0 })
        }
        let latest = versions.max { $0.1.lexicographicallyPrecedes($1.1) }
        return latest.map { folder + "/" + $0.0 }
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }
}
