import Foundation

/// What the machine's processor is called.
package enum CPUFacts {
    /// The model name from /proc/cpuinfo, or the architecture where there is none (many ARM boards).
    package static let name: String = {
        let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        for line in text.split(separator: "\n") where line.hasPrefix("model name") {
            if let value = line.split(separator: ":", maxSplits: 1).last {
                return value.trimmingCharacters(in: .whitespaces)
            }
        }
        #if arch(arm64)
            return "aarch64"
        #else
            return "x86-64"
        #endif
    }()
}
