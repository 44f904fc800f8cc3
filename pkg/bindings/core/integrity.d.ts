export declare const CORE_INTEGRITY: string;
export declare const SDK_INTEGRITY: string;
