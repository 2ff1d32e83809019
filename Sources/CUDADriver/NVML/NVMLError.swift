/// Why NVML could not be opened or did not do what it was asked.
package struct NVMLError: Error, Hashable, CustomStringConvertible, Sendable {
    /// The call that failed, by NVML's name for it; the library's path if it could not be opened.
    package var call: String
    /// NVML's number for the failure; 0 if the library could not be opened.
    package var number: Int
    /// What NVML, or the system, says of it.
    package var text: String

    /// A sentence that says what went wrong.
    package var description: String {
        number == 0
            ? "NVML's library cannot be used: \(text)"
            : "NVML's \(call) gave error \(number)\(text.isEmpty ? "" : " (\(text))")"
    }
}
