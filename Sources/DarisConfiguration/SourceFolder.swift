/// Paths relative to the folder of a task set's file.
enum SourceFolder {
    /// The folder of `source` with its final slash; empty if the file is in the working folder.
    static func of(_ source: String) -> String {
        guard let slash = source.lastIndex(of: "/") else { return "" }
        return String(source[...slash])
    }

    /// `path` as seen from the working folder, if it is written in the file `source`.
    static func resolve(_ path: String, in source: String) -> String {
        path.hasPrefix("/") ? path : of(source) + path
    }

    /// How `path` is to be written in the file `source`, so that `resolve` leads to the same file.
    ///
    /// - Parameter workingFolder: The folder `path` is relative to; asked for only where `path` lies outside the
    ///   folder of `source`, which makes the result absolute.
    static func relativize(_ path: String, to source: String, workingFolder: () -> String) -> String {
        let folder = of(source)
        if path.hasPrefix(folder), path.count > folder.count {
            let rest = String(path.dropFirst(folder.count))
            if !rest.hasPrefix("/") { return rest }
        }
        return path.hasPrefix("/") ? path : workingFolder() + "/" + path
    }
}
