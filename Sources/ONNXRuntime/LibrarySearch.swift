#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Where to look for the ONNX Runtime library, in order:
///
/// 1. what `DARIS_ONNXRUNTIME` names, a file or a folder; if it is set, nothing else counts,
/// 2. the executable's folder, and `lib` beside it,
/// 3. `runtime` in the executable's folder or one above it, then in the current folder or one above it,
/// 4. the system's libraries.
public struct LibrarySearch: Sendable {
    /// A file or a folder that must be used, or `nil`.
    public var override: String?
    /// The folder of the executable, or `nil` to skip it.
    public var executableFolder: String?
    /// The folder from which to walk up to one that has `runtime`, or `nil` to skip it.
    public var currentFolder: String?
    /// Whether to ask the system's loader last.
    public var usesSystemLoader: Bool

    /// A search in the places given.
    public init(
        override: String? = nil, executableFolder: String? = nil, currentFolder: String? = nil,
        usesSystemLoader: Bool = false
    ) {
        self.override = override
        self.executableFolder = executableFolder
        self.currentFolder = currentFolder
        self.usesSystemLoader = usesSystemLoader
    }

    /// The search from this process's environment, executable and current folder.
    public static var process: LibrarySearch {
        let executable = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let override = ProcessInfo.processInfo.environment["DARIS_ONNXRUNTIME"]
        return LibrarySearch(
            override: override == "" ? nil : override, executableFolder: executable.map(folder(of:)),
            currentFolder: FileManager.default.currentDirectoryPath, usesSystemLoader: true)
    }

    /// The names under which the system's loader may know the library.
    static let systemNames = ["libonnxruntime.so", "libonnxruntime.so.1"]

    /// The places searched, for a message.
    var places: [String] {
        var places: [String] = []
        if let executableFolder {
            places += [
                "\(executableFolder)", "\(executableFolder)/../lib", "runtime/ in \(executableFolder) and above",
            ]
        }
        if let currentFolder { places.append("runtime/ in \(currentFolder) and above") }
        if usesSystemLoader { places.append("the system's libraries") }
        return places
    }

    /// The library's path, or `nil` if it is in none of the folders.
    func find() throws(ONNXRuntimeError) -> String? {
        if let override { return try Self.resolve(override: override) }
        var folders: [String] = []
        if let executableFolder {
            folders += [executableFolder, executableFolder + "/../lib"]
            folders += Self.ancestors(of: executableFolder).map { $0 + "/runtime" }
        }
        if let currentFolder { folders += Self.ancestors(of: currentFolder).map { $0 + "/runtime" } }
        for folder in folders {
            if let library = Self.library(in: folder) { return library }
        }
        return nil
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

    /// `path` and every folder above it, nearest first, without the root.
    private static func ancestors(of path: String) -> [String] {
        var ancestors: [String] = []
        var current = path
        while current.count > 1 {
            ancestors.append(current)
            current = folder(of: current)
        }
        return ancestors
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }
}
